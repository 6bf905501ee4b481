import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Breaker } from '../../src/domains/media/breaker.ts'
import { MediaUnavailable, type Rooms } from '../../src/integrations/livekit/media-server.ts'

const AWAY = new MediaUnavailable('it is away')
const PROBE_MS = 2_000

/** A breaker before rooms that fail as they are told to. */
function open() {
  const logged: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) })
  const calls: string[] = []
  let failure: Error | null = null
  const ask = async <Answer>(what: string, answer: Answer): Promise<Answer> => {
    calls.push(what)
    if (failure) throw failure
    return answer
  }
  const rooms: Rooms = {
    permit: () => ask('permit', 'PA_ben'),
    remove: () => ask('remove', true),
    close: () => ask('close', undefined),
    list: () => ask('list', []),
    participants: () => ask('participants', []),
  }
  const breaker = new Breaker(rooms, log)
  const recovered = vi.fn<() => void>()
  breaker.onRecovered(recovered)
  const permit = () =>
    breaker.rooms.permit('room', 'ben', 'TALK').then(
      () => 'done',
      () => 'failed',
    )
  return {
    breaker,
    calls,
    logged,
    permit,
    recovered,
    fail: (error: Error | null) => (failure = error),
    [Symbol.dispose]: () => breaker[Symbol.dispose](),
  }
}

const times = (count: number, act: () => Promise<string>) => Promise.all(Array.from({ length: count }, act))

describe('the breaker', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('three failures in a row open it, and it asks no more; two with a success between them do not', async () => {
    using it = open()
    for (let round = 0; round < 5; round++) {
      it.fail(AWAY)
      await times(2, it.permit)
      it.fail(null)
      expect([await it.permit(), it.breaker.isOpen]).toEqual(['done', false])
    }
    it.fail(AWAY)
    await times(3, it.permit)
    expect(it.breaker.isOpen).toBe(true)
    const { length } = it.calls
    expect(await times(10, it.permit)).toEqual(Array.from({ length: 10 }, () => 'failed'))
    expect(it.calls).toHaveLength(length)
    expect(it.logged).toHaveLength(1)
  })

  test('it looks every two seconds, closes when there is an answer, and says so once', async () => {
    using it = open()
    it.fail(AWAY)
    await times(3, it.permit)
    await vi.advanceTimersByTimeAsync(5 * PROBE_MS + 10)
    expect(it.calls.filter((call) => call === 'list')).toHaveLength(5)
    expect([it.breaker.isOpen, it.recovered.mock.calls.length]).toEqual([true, 0])
    it.fail(null)
    await vi.advanceTimersByTimeAsync(PROBE_MS)
    expect([it.breaker.isOpen, it.recovered.mock.calls.length, await it.permit()]).toEqual([false, 1, 'done'])
    await vi.advanceTimersByTimeAsync(5 * PROBE_MS)
    expect(it.recovered).toHaveBeenCalledOnce()
    expect(it.logged).toHaveLength(2)
    it.fail(AWAY)
    await times(3, it.permit)
    expect(it.breaker.isOpen).toBe(true)
  })

  test('calls that were under way when it opened do not open it twice', async () => {
    using it = open()
    it.fail(AWAY)
    await times(20, it.permit)
    await vi.advanceTimersByTimeAsync(PROBE_MS + 10)
    expect([it.logged.length, it.calls.filter((call) => call === 'list').length]).toEqual([1, 1])
  })

  test('refused keys open it at once, and the log names the variables', async () => {
    using it = open()
    it.fail(new MediaUnavailable('invalid API key', { refusesKeys: true }))
    expect([await it.permit(), it.breaker.isOpen]).toEqual(['failed', true])
    expect(it.logged.join('')).toMatch(/LIVEKIT_API_KEY.*LIVEKIT_API_SECRET/)
  })

  test('closed for good, it looks no more', async () => {
    const it = open()
    it.fail(AWAY)
    await times(3, it.permit)
    it.breaker[Symbol.dispose]()
    const { length } = it.calls
    await vi.advanceTimersByTimeAsync(10 * PROBE_MS)
    expect(it.calls).toHaveLength(length)
    expect(it.recovered).not.toHaveBeenCalled()
  })
})
