import { eventFaults } from './events.ts'
import type { Fault } from './fault.ts'
import { floorFaults } from './floor.ts'
import { mediaFaults } from './media.ts'
import { presenceFaults } from './presence.ts'
import { priorityFaults } from './priority.ts'
import { queueFaults } from './queue.ts'
import { recordFaults } from './record.ts'
import { redisFaults } from './redis.ts'
import { requestFaults } from './requests.ts'
import { rightsFaults } from './rights.ts'

const numbers = ({ rule }: Fault) => rule.split('.').map(Number)

function byRule(one: Fault, other: Fault): number {
  const [rule = 0, statement = 0] = numbers(one)
  const [otherRule = 0, otherStatement = 0] = numbers(other)
  return rule - otherRule || statement - otherStatement
}

/** All of them, in the order of the specification. */
export const faults: readonly Fault[] = [
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
].toSorted(byRule)
