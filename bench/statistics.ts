import { readdirSync, readFileSync } from 'node:fs'

/** Of values in any order: the value that so much of them do not exceed. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN
}

export const median = (values: readonly number[]) => quantile(values, 0.5)

export const ms = (value: number) => `${value.toFixed(2)} ms`

/** CPU time of a process so far in microseconds, all threads, kernel time included; NaN where the system does not tell. */
export function cpuMicros(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    return (
      threads.reduce((sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]), 0) / 1_000
    )
  } catch {
    return Number.NaN
  }
}
