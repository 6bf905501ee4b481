import type { Logger } from '../../../src/logger.ts'

/** A log that keeps its lines, as text with everything that was handed to it. */
export function logLines(): { readonly log: Logger; readonly lines: string[] } {
  const lines: string[] = []
  const take = (...said: unknown[]) => void lines.push(said.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join(' '))
  return { log: { debug: take, info: take, warn: take, error: take } as unknown as Logger, lines }
}
