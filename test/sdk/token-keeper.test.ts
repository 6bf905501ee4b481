import { expect, test } from 'vitest'
import { memoryTokenStore, NedaError, type Tokens } from '../../sdk/src/index.ts'
import { TokenKeeper } from '../../sdk/src/token-keeper.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { DeviceClock } from './device-clock.ts'

const MINUTE = 60_000

/** A device with tokens that are good for ten minutes, and a server that answers as it is told. */
function world({ answer = (): void => undefined } = {}) {
  const time = new ManualClock()
  const clock = new DeviceClock(time)
  const asked: string[] = []
  let number = 1
  const tokens = (): Tokens => ({
    accessToken: `access ${number}`,
    accessTokenExpiresAt: new Date(time.now() + 10 * MINUTE).toISOString(),
    refreshToken: `refresh ${number}`,
    userId: 'ben',
    sessionId: 'watch',
  })
  const store = memoryTokenStore(tokens())
  const keeper = new TokenKeeper({
    environment: { clock, random: () => 0.5, fetch: globalThis.fetch, WebSocket: null },
    store,
    refresh: async (refreshToken) => {
      asked.push(refreshToken)
      answer()
      number += 1
      return { tokens: tokens(), clockAheadMs: 0 }
    },
  })
  return { time, clock, asked, store, keeper }
}

const lost = () => new NedaError('There is no answer.', { code: 'NETWORK', retryable: true })

test('one refresh serves all who ask, when the token has ended', async () => {
  const { keeper, time, asked } = world()
  expect(await keeper.get()).toBe('access 1')
  await time.advance(11 * MINUTE)
  expect(await Promise.all([keeper.get(), keeper.get(), keeper.refused('access 1')])).toEqual(['access 2', 'access 2', 'access 2'])
  expect(asked).toEqual(['refresh 1'])
})

test('a token is renewed before it ends, by itself only while something is open', async () => {
  const { keeper, time, asked } = world()
  await keeper.get()
  await time.advance(9 * MINUTE)
  expect(asked).toEqual([])
  const letGo = keeper.hold()
  await time.advance(1)
  expect(asked).toEqual(['refresh 1'])
  await time.advance(7.9 * MINUTE)
  expect(asked).toHaveLength(1)
  await time.advance(0.2 * MINUTE)
  expect(asked).toEqual(['refresh 1', 'refresh 2'])
  letGo()
  await time.advance(20 * MINUTE)
  expect(asked).toHaveLength(2)
})

test('what is about to end is good still: nobody waits for the next one', async () => {
  const { keeper, time, asked } = world()
  await keeper.get()
  await time.advance(9 * MINUTE)
  expect(await keeper.get()).toBe('access 1')
  expect(asked).toEqual(['refresh 1'])
  await time.advance(0)
  expect(await keeper.get()).toBe('access 2')
})

test('a refresh whose answer was lost is repeated with the same token', async () => {
  let losses = 3
  const { keeper, time, asked } = world({
    answer: () => {
      if (losses-- > 0) throw lost()
    },
  })
  const next = keeper.get().then(() => keeper.refused('access 1'))
  await time.advance(0)
  await time.advance(20_000)
  expect(await next).toBe('access 2')
  expect(asked).toEqual(['refresh 1', 'refresh 1', 'refresh 1', 'refresh 1'])
})

test('a refresh that is refused signs the device out, and says why', async () => {
  const { keeper, store } = world({
    answer: () => {
      throw new NedaError('used', { code: 'REFRESH_TOKEN_REUSED' })
    },
  })
  const told: (string | null)[] = []
  keeper.onChange((tokens, why) => told.push(tokens?.accessToken ?? why?.code ?? null))
  await keeper.get()
  await expect(keeper.refused('access 1')).rejects.toMatchObject({ code: 'REFRESH_TOKEN_REUSED' })
  expect(told).toEqual(['REFRESH_TOKEN_REUSED'])
  expect(await store.load()).toBeNull()
  await expect(keeper.get()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
})

test('what another window of the app has got is taken over', async () => {
  const { keeper, store, asked, time } = world()
  await keeper.get()
  const another = { ...(await store.load()), accessToken: 'access 9', refreshToken: 'refresh 9' } as Tokens
  await store.save({ ...another, accessTokenExpiresAt: new Date(time.now() + 10 * MINUTE).toISOString() })
  expect(await keeper.refused('access 1')).toBe('access 9')
  expect(asked).toEqual([])
})

test('a clock that is wrong by hours neither ends a token at once nor keeps it for ever', async () => {
  for (const hours of [-5, 48]) {
    const { keeper, time, asked } = world()
    const at = new Date(time.now() + hours * 60 * MINUTE).toISOString()
    await keeper.set({ accessToken: 'a', accessTokenExpiresAt: at, refreshToken: 'r', userId: 'u', sessionId: 's' })
    expect(await keeper.get()).toBe('a')
    expect(asked).toEqual([])
    keeper.hold()
    await time.advance(5 * MINUTE)
    expect(asked).toEqual(['r'])
    keeper.close()
  }
})
