import { setTimeout as sleep } from 'node:timers/promises'
import { type GroupId, newId } from '../../../src/ids.ts'
import type { RealtimeEngine, TalkAnswer } from '../../../src/realtime/engine.ts'
import type { Random } from '../../stress/random.ts'
import { Actor, actor } from '../actors.ts'

export interface Contest {
  readonly engines: readonly RealtimeEngine[]
  readonly devices: number
  readonly rounds: number
  readonly random: Random
}

export interface Outcome {
  readonly rounds: number
  readonly presses: number
  readonly seconds: number
  /** How often each instance's devices have won. */
  readonly wins: readonly number[]
  readonly problems: readonly string[]
}

/** Devices of all instances press at once, again and again: one of them wins, and everybody else is told who. */
export async function contend({ engines, devices, rounds, random }: Contest): Promise<Outcome> {
  const groupId = newId<GroupId>()
  const crowd = Array.from({ length: devices }, (_, n) => actor(engines[n % engines.length] as RealtimeEngine, groupId, `device ${n}`))
  const wins = engines.map(() => 0)
  const problems: string[] = []
  const began = performance.now()
  let token = 0n
  for (let round = 1; round <= rounds; round++) {
    const requestId = `round ${round}`
    const answers = await Promise.all(random.shuffled(crowd).map((device) => pressSoon(device, requestId, random)))
    const winner = answers.find(({ answer }) => answer.outcome === 'GRANTED')
    problems.push(...judge(answers, token).map((problem) => `round ${round}: ${problem}`))
    token = winner?.answer.burst?.fencingToken ?? token
    if (!winner) continue
    const side = engines.indexOf(winner.device.engine)
    wins[side] = (wins[side] ?? 0) + 1
    problems.push(...(await end(winner.device, crowd, requestId, random)).map((problem) => `round ${round}: ${problem}`))
  }
  return { rounds, presses: rounds * devices, seconds: (performance.now() - began) / 1000, wins, problems }
}

interface Pressed {
  readonly device: Actor
  readonly answer: TalkAnswer
}

/** Half of them in the same turn, the others in any of the next. */
async function pressSoon(device: Actor, requestId: string, random: Random): Promise<Pressed> {
  if (random.chance(0.5)) await (random.chance(0.5) ? new Promise((resolve) => setImmediate(resolve)) : sleep(random.between(0, 3)))
  return { device, answer: await device.press(requestId) }
}

function judge(answers: readonly Pressed[], lastToken: bigint): string[] {
  const winners = answers.filter(({ answer }) => answer.outcome === 'GRANTED')
  const [winner] = winners
  if (winners.length !== 1 || !winner) return [`${winners.length} were granted`]
  const { burst } = winner.answer
  const problems: string[] = []
  if (burst?.sessionId !== winner.device.sessionId) problems.push('the grant names somebody else')
  if ((burst?.fencingToken ?? 0n) <= lastToken) problems.push('the token has not grown')
  for (const { answer } of answers) {
    const { outcome, denyReason, floor } = answer
    if (outcome !== 'GRANTED' && denyReason !== 'FLOOR_TAKEN') problems.push(`somebody was answered ${outcome} ${denyReason}`)
    if (floor.burst?.id !== burst?.id || floor.burst?.fencingToken !== burst?.fencingToken) problems.push('a floor names another burst')
  }
  return problems
}

/** A loser's release ends nothing; the winner's does, over any instance. */
async function end(winner: Actor, crowd: readonly Actor[], requestId: string, random: Random): Promise<string[]> {
  const problems: string[] = []
  const loser = random.one(crowd.filter((device) => device !== winner))
  const refused = await loser.release(requestId)
  if (refused.released || refused.floor.burst?.sessionId !== winner.sessionId) problems.push("a loser's release ended the burst")
  const anywhere = random.one(crowd).engine
  const { released, floor } = await new Actor(anywhere, winner.groupId, winner.asker).release(requestId)
  if (!released || floor.state !== 'IDLE') problems.push(`the winner's release left the floor ${floor.state}`)
  return problems
}
