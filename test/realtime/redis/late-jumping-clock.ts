/** Redis' clock as far as scripts see it, ahead of the real one by the milliseconds that are written under this key. */
export const AHEAD = 'clock-ahead'

const READING = 'time[1] * 1000000 + time[2]'

export function jumpingClock(file: string, text: string): string {
  if (file !== 'rules/group') return text
  if (!text.includes(READING)) throw new Error('the clock is read elsewhere now')
  return text.replace(READING, `${READING} + 1000 * (redis.call('GET', '${AHEAD}') or 0)`)
}
