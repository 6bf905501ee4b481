import { FloorDocument } from '../generated/operations.ts'
import { People } from '../stress/people.ts'
import { Random } from '../stress/random.ts'
import { Stage } from '../stress/stage.ts'
import { join } from '../stress/talk.ts'
import type { Cluster } from '../support/cluster.ts'
import { HerdProcess, instant } from './herd-process.ts'
import { Probes, type Sample } from './probes.ts'

export interface HerdOptions {
  readonly sockets: number
  readonly groups: number
  readonly devices: number
  readonly pressEveryMs: number
}

export interface Figures {
  /** Of each socket: how long after the death of its instance it was live again. */
  readonly backMs: readonly number[]
  /** How often a socket was told to come later, and how often nobody was there. */
  readonly later: number
  readonly unreachable: number
  /** What was missed, repeated or wrong; empty if all is well. */
  readonly problems: readonly string[]
  readonly before: { readonly answers: readonly Sample[]; readonly presses: readonly Sample[] }
  readonly storm: { readonly answers: readonly Sample[]; readonly presses: readonly Sample[] }
}

/** All of them are back by then, or it has failed. */
export const BACK_WITHIN_MS = 30_000
const OPEN_WITHIN_MS = 60_000
const LAST_EVENT_WITHIN_MS = 10_000

/**
 * An instance that has all sockets dies (SIGKILL), and they come to another one that has none, while people there go on pressing. A few signed-in
 * devices stand for thousands: each has many sockets, as what a herd costs is its sockets.
 */
export async function playHerd(cluster: Cluster, options: HerdOptions): Promise<Figures> {
  await using stage = new Stage(cluster, new People(cluster.admin), new Random('herd'))
  const [dying, survivor] = [stage.a, stage.b]
  const [manager, ...members] = await stage.people(options.devices)
  if (!manager) throw new Error('nobody is there')
  const groupIds = await Promise.all(Array.from({ length: options.groups }, () => stage.group(manager, members)))
  for (const [n, device] of members.entries()) await join(device.at(survivor), groupIds[n % groupIds.length] ?? '')

  await using herd = new HerdProcess()
  const places = Array.from({ length: options.sockets }, (_, n) => ({
    addresses: [dying.url, survivor.url],
    accessToken: members[n % members.length]?.accessToken ?? '',
    groupId: groupIds[n % groupIds.length] ?? '',
  }))
  await herd.order({ do: 'open', places })
  const opened = await herd.order({ do: 'await', times: 1, withinMs: OPEN_WITHIN_MS })
  if (opened.liveAt.length < options.sockets) throw new Error(`${opened.liveAt.length} sockets were opened: ${opened.problems.join('; ')}`)

  const probes = new Probes(survivor, { groupIds, devices: members, pressEveryMs: options.pressEveryMs })
  await new Promise((resolve) => setTimeout(resolve, 2_000))
  const diedAt = instant()
  await dying.kill()
  const back = await herd.order({ do: 'await', times: 2, withinMs: BACK_WITHIN_MS })
  const overAt = Math.max(...back.liveAt, diedAt)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  await probes.stop()

  const floors = await Promise.all(groupIds.map((groupId) => manager.at(survivor).get(FloorDocument, { groupId })))
  const last = Object.fromEntries(floors.map(({ floor }, n) => [groupIds[n] ?? '', floor.sequence]))
  const { problems, later, unreachable } = await herd.order({ do: 'judge', last, withinMs: LAST_EVENT_WITHIN_MS })
  const part = (from: number, to: number) => ({
    answers: probes.answers.filter(({ at }) => at >= from && at < to),
    presses: probes.presses.filter(({ at }) => at >= from && at < to),
  })
  return {
    backMs: back.liveAt.map((at) => at - diedAt).toSorted((one, other) => one - other),
    later: later - opened.later,
    unreachable: unreachable - opened.unreachable,
    problems,
    before: part(0, diedAt),
    storm: part(diedAt, overAt),
  }
}
