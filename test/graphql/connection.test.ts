import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Connection } from '../../src/graphql/connection.ts'
import { type ConnectionId, newId, type SessionId } from '../../src/ids.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const sessionId = newId<SessionId>()
const inSeconds = (seconds: number) => ({ sessionId, expiresAt: Date.now() + seconds * 1_000 })
const open = (token: ReturnType<typeof inSeconds> | null) => new Connection(newId<ConnectionId>(), token)

test('tells once when its token runs out', () => {
  const connection = open(inSeconds(10))
  const expired = vi.fn()
  connection.onExpiry(expired)
  vi.advanceTimersByTime(9_999)
  expect(expired).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  vi.advanceTimersByTime(60_000)
  expect(expired).toHaveBeenCalledOnce()
})

test('goes on as long as the last token is good, and no answer that comes late shortens that', () => {
  const connection = open(inSeconds(10))
  const expired = vi.fn()
  connection.onExpiry(expired)
  connection.renew(inSeconds(30))
  connection.renew(inSeconds(20))
  vi.advanceTimersByTime(29_999)
  expect(expired).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(expired).toHaveBeenCalledOnce()
})

test('takes no token of another session', () => {
  const connection = open(inSeconds(10))
  expect(() => connection.renew({ ...inSeconds(30), sessionId: newId<SessionId>() })).toThrow(
    expect.objectContaining({ code: 'FORBIDDEN' }),
  )
  expect(() => open(null).renew(inSeconds(30))).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }))
})

test('keeps no timer when nobody waits', () => {
  const connection = open(inSeconds(10))
  const [stop, other] = [connection.onExpiry(() => undefined), connection.onExpiry(() => undefined)]
  expect(vi.getTimerCount()).toBe(1)
  stop()
  expect(vi.getTimerCount()).toBe(1)
  other()
  expect(vi.getTimerCount()).toBe(0)
  connection.renew(inSeconds(30))
  expect(vi.getTimerCount()).toBe(0)
})

test('without a token does not end', () => {
  const connection = open(null)
  connection.onExpiry(() => undefined)
  expect(vi.getTimerCount()).toBe(0)
  connection.begin(inSeconds(10))
  expect(vi.getTimerCount()).toBe(1)
})
