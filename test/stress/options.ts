import { parseArgs } from 'node:util'

export interface Options {
  /** Repeats the random choices of a run. */
  readonly seed: string
  /** Only what has this in its name. */
  readonly only: string
  readonly repeat: number
  readonly short: boolean
}

export function readOptions(): Options {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, only: { type: 'string' }, repeat: { type: 'string' }, short: { type: 'boolean' } },
  })
  const repeat = Number(values.repeat ?? 1)
  if (!Number.isSafeInteger(repeat) || repeat < 1) throw new Error('--repeat takes a whole number from 1')
  const seed = values.seed ?? String(Math.floor(Math.random() * 1e9))
  return { seed, only: values.only ?? '', repeat, short: values.short ?? false }
}
