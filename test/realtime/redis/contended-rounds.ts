import { setTimeout as sleep } from 'node:timers/promises'
import { type GroupId, newId } from '../../../src/ids.ts'
import type { RealtimeEngine, TalkAnswer } from '../../../src/realtime/engine.ts'
import type { Random } from '../../stress/random.ts'
import { Actor, actor } from '../actors.ts'

/** What a press began that was not answered is over by then. */
const MENDED_WITHIN_MS = 1_500

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
  /** Rounds in which somebody was not answered at all, as may happen on a busy machine: then nobody can say who must have won. */
  readonly void: number
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
  let [token, voidRounds] = [0n, 0]
  for (let round = 1; round <= rounds; round++) {
    const requestId = `round ${round}`
    const pressed = await Promise.all(random.shuffled(crowd).map((device) => pressSoon(device, requestId, random)))
    const answers = pressed.filter((one) => one !== null)
    const winner = answers.find(({ answer }) => answer.outcome === 'GRANTED')
    const isVoid = answers.length < devices
    if (isVoid) voidRounds++
    const found = isVoid ? soleWinner(answers) : judge(answers, token)
    token = winner?.answer.burst?.fencingToken ?? token
    if (winner && !isVoid) {
      const side = engines.indexOf(winner.device.engine)
      wins[side] = (wins[side] ?? 0) + 1
      found.push(...(await end(winner.device, crowd, requestId, random)))
    } else await winner?.device.release(requestId)
    problems.push(...found.map((problem) => `round ${round}: ${problem}`))
    if (isVoid) await sleep(MENDED_WITHIN_MS)
  }
  return { rounds, presses: rounds * devices, seconds: (performance.now() - began) / 1000, void: voidRounds, wins, problems }
}

interface Pressed {
  readonly device: Actor
  readonly answer: TalkAnswer
}

/** Half of them in the same turn, the others in any of the next. */
async function pressSoon(device: Actor, requestId: string, random: Random): Promise<Pressed | null> {
  if (random.chance(0.5)) await (random.chance(0.5) ? new Promise((resolve) => setImmediate(resolve)) : sleep(random.between(0, 3)))
  const answer = await device.press(requestId).catch(() => null)
  return answer && { device, answer }
}

/** True of every round. */
function soleWinner(answers: readonly Pressed[]): string[] {
  const winners = answers.filter(({ answer }) => answer.outcome === 'GRANTED')
  return winners.length > 1 ? [`${winners.length} were granted`] : []
}

function judge(answers: readonly Pressed[], lastToken: bigint): string[] {
  const problems = soleWinner(answers)
  const winner = answers.find(({ answer }) => answer.outcome === 'GRANTED')
  if (!winner) return ['nobody was granted']
  const { burst } = winner.answer
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
