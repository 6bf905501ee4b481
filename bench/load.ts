import { setTimeout as sleep } from 'node:timers/promises'

/**
 * How acts are asked for. `perSecond`: on a fixed schedule, whether or not those before are answered, as people press who know nothing of each
 * other; `inFlight`: always so many at once, each the next as soon as it is answered.
 */
export type Load = { readonly acts: number } & ({ readonly perSecond: number } | { readonly inFlight: number })

export interface Done {
  /** By the clock that all processes of a machine share. */
  readonly sentAt: number
  readonly tookMs: number
}

/** Milliseconds of a clock that all processes of a machine share. */
export const now = () => Number(process.hrtime.bigint()) / 1e6

/** Each performer does its acts one after the other; a performer that is asked for more at once has to keep their order. */
export async function perform(load: Load, performers: readonly (() => Promise<unknown>)[]): Promise<Done[]> {
  const timed = async (act: () => Promise<unknown>): Promise<Done> => {
    const sentAt = now()
    await act()
    return { sentAt, tookMs: now() - sentAt }
  }
  if ('perSecond' in load) return onSchedule(load.acts, load.perSecond, performers, timed)
  const each = load.acts / load.inFlight
  const done = performers.slice(0, load.inFlight).map(async (act) => {
    const own: Done[] = []
    for (let n = 0; n < each; n++) own.push(await timed(act))
    return own
  })
  return (await Promise.all(done)).flat()
}

async function onSchedule(
  acts: number,
  perSecond: number,
  performers: readonly (() => Promise<unknown>)[],
  timed: (act: () => Promise<unknown>) => Promise<Done>,
): Promise<Done[]> {
  const began = now()
  const done: Promise<Done>[] = []
  for (let n = 0; n < acts; n++) {
    const inMs = began + (n * 1_000) / perSecond - now()
    if (inMs > 0) await sleep(inMs)
    const act = performers[n % performers.length]
    if (act) done.push(timed(act))
  }
  return Promise.all(done)
}
