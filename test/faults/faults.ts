import { eventFaults } from './events.ts'
import type { Fault } from './fault.ts'
import { floorFaults } from './floor.ts'
import { identityFaults } from './identity.ts'
import { mediaFaults } from './media.ts'
import { presenceFaults } from './presence.ts'
import { priorityFaults } from './priority.ts'
import { queueFaults } from './queue.ts'
import { recordFaults } from './record.ts'
import { redisFaults } from './redis.ts'
import { requestFaults } from './requests.ts'
import { rightsFaults } from './rights.ts'
import { sdkFaults } from './sdk.ts'
import { transportFaults } from './transports.ts'

const numbers = ({ rule }: Fault) => rule.split('.').map(Number)

function byRule(one: Fault, other: Fault): number {
  const [rule = 0, statement = 0] = numbers(one)
  const [otherRule = 0, otherStatement = 0] = numbers(other)
  return rule - otherRule || statement - otherStatement
}

const specified: readonly Fault[] = [
  ...floorFaults,
  ...requestFaults,
  ...queueFaults,
  ...priorityFaults,
  ...rightsFaults,
  ...presenceFaults,
  ...eventFaults,
  ...recordFaults,
  ...redisFaults,
  ...mediaFaults,
]

/** All of them, in the order of the specification, and then what is beyond it. */
export const faults: readonly Fault[] = [...specified.toSorted(byRule), ...identityFaults, ...transportFaults, ...sdkFaults]
