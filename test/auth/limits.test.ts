import { describe, expect, test } from 'vitest'
import { networkOf } from '../../src/client.ts'
import { readConfig } from '../../src/config.ts'
import { guess, Limit, type LimitSettings, Limits } from '../../src/domains/auth/limits.ts'

const limit = (most: number, windowMs = 60_000) => new Limit('limit:test', { most, windowMs }, null)

/** Guesses at once: how many were tried, and how many were let try and were right. */
async function attempts(one: Limit, answers: readonly boolean[]) {
  let tried = 0
  const results = await Promise.allSettled(
    answers.map((isRight) =>
      guess([[one, 'ben']], async () => {
        tried += 1
        await new Promise((resolve) => setImmediate(resolve))
        return isRight
      }),
    ),
  )
  const refusals = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
  return { tried, right: results.filter((result) => result.status === 'fulfilled' && result.value).length, refusals }
}

describe('a limit of wrong guesses', () => {
  test('lets as many try as may, however many come at once', async () => {
    const five = limit(5)
    const { tried, refusals } = await attempts(
      five,
      Array.from({ length: 40 }, () => false),
    )
    expect(tried).toBe(5)
    expect(refusals).toHaveLength(35)
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) })
    expect((await attempts(five, [true])).tried).toBe(0)
  })

  test('counts the wrong ones only', async () => {
    const five = limit(5)
    for (let n = 0; n < 50; n++) expect((await attempts(five, [true])).right).toBe(1)
    expect((await attempts(five, [false, false, false, false])).tried).toBe(4)
    for (let n = 0; n < 50; n++) expect((await attempts(five, [true])).right).toBe(1)
    expect((await attempts(five, [false])).tried).toBe(1)
    expect((await attempts(five, [true])).tried).toBe(0)
  })

  test('does not count one that could not be tried', async () => {
    const one = limit(1)
    for (let n = 0; n < 5; n++) await expect(guess([[one, 'ben']], () => Promise.reject(new Error('away')))).rejects.toThrow('away')
    expect((await attempts(one, [false])).tried).toBe(1)
  })

  test('does not count one that was refused while others were under way', async () => {
    const one = limit(1)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const underWay = guess([[one, 'ben']], () => promise)
    for (let n = 0; n < 3; n++) expect((await attempts(one, [true])).tried).toBe(0)
    resolve(true)
    await underWay
    expect((await attempts(one, [true])).tried).toBe(1)
  })

  test('takes nothing from one limit when another refuses', async () => {
    const [account, address] = [limit(5), limit(1)]
    await guess([[address, 'here']], async () => false)
    const both = () =>
      guess(
        [
          [account, 'ben'],
          [address, 'here'],
        ],
        async () => false,
      )
    for (let n = 0; n < 20; n++) await expect(both()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    expect((await attempts(account, [false, false, false, false, false, false])).tried).toBe(5)
  })

  test('is over when its window is', async () => {
    const one = limit(1, 1_000)
    await guess([[one, 'ben']], async () => false)
    const refusal = await guess([[one, 'ben']], async () => true).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'RATE_LIMITED' })
    const { retryAfterMs = 0 } = refusal as { retryAfterMs?: number }
    expect(retryAfterMs).toBeGreaterThan(0)
    expect(retryAfterMs).toBeLessThanOrEqual(1_000)
    await expect.poll(() => guess([[one, 'ben']], async () => true).catch(() => false), { timeout: 2_000, interval: 50 }).toBe(true)
  })
})

test('of IPv6 a whole /64 is one address', () => {
  expect(networkOf('2001:db8:1:2:3:4:5:6')).toBe(networkOf('2001:db8:1:2::'))
  expect(networkOf('2001:db8:1:2::')).not.toBe(networkOf('2001:db8:1:3::'))
  expect(networkOf('192.0.2.7')).toBe('192.0.2.7')
  expect(networkOf('')).toBe('')
})

test('every limit is a variable', () => {
  const names = [
    'LOGIN_FAILURES_PER_ACCOUNT',
    'LOGIN_FAILURES_PER_ADDRESS',
    'TOTP_FAILURES',
    'PAIRING_FAILURES',
    'PAIRING_FAILURES_PER_ADDRESS',
    'PAIRINGS_PER_ADDRESS',
  ]
  const windows = ['LOGIN_WINDOW_MS', 'TOTP_WINDOW_MS', 'PAIRING_WINDOW_MS']
  const { attemptLimits } = readConfig(Object.fromEntries([...names.map((name) => [name, '77']), ...windows.map((name) => [name, '7000'])]))
  for (const setting of Object.values<LimitSettings[keyof LimitSettings]>(attemptLimits))
    expect(setting).toEqual({ most: 77, windowMs: 7_000 })
  expect(new Limits({ settings: attemptLimits, redis: null }).of('PAIRING')).toBeDefined()
})
