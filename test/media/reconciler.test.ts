import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RoomNames } from '../../src/domains/media/media-identity.ts'
import { Reconciler } from '../../src/domains/media/reconciler.ts'
import { Roster } from '../../src/domains/media/roster.ts'
import { type GroupId, newId } from '../../src/ids.ts'
import { MediaUnavailable, type Permission, type Rooms } from '../../src/integrations/livekit/media-server.ts'
import { noNeighbours } from '../../src/realtime/neighbours.ts'
import { Random } from '../stress/random.ts'

const SEED = process.env.SEED ?? String(Math.floor(Math.random() * 1e9))
const HISTORIES = 1_000
const GROUP = newId<GroupId>()
const IDENTITY = 'ben'
const names = new RoomNames('test')

/** The caller gives up after this. */
const GIVES_UP_MS = 1_000
/** A call whose caller has given up may be carried out so much later. */
const LATEST_MS = 5_000
/** When everything that failed has been said again often enough. */
const RIGHT_WITHIN_MS = 15_000

const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** How a call goes: when it is carried out, and when it is answered; never: it gets lost. */
interface Way {
  readonly doneAfterMs: number | null
  readonly answeredAfterMs: number | null
}

/** One room with one device, or without it, and every reason for a call to go wrong. */
class TroubledRoom {
  isThere = true
  permission: Permission = 'LISTEN'
  calls = 0
  way: () => Way = () => ({ doneAfterMs: 1, answeredAfterMs: 2 })

  readonly rooms: Rooms = {
    permit: async (_room, _identity, permission) => {
      this.calls += 1
      const { doneAfterMs, answeredAfterMs } = this.way()
      const done = doneAfterMs === null ? null : later(doneAfterMs).then(() => this.#permit(permission))
      const answer = answeredAfterMs === null || !done ? null : Promise.all([done, later(answeredAfterMs)]).then(([found]) => found)
      const tooLate = later(GIVES_UP_MS).then(() => {
        throw new MediaUnavailable('it takes too long')
      })
      tooLate.catch(() => undefined)
      return Promise.race([tooLate, ...(answer ? [answer] : [])])
    },
    remove: async () => true,
    close: async () => undefined,
    list: async () => [],
    participants: async () => [],
  }

  #permit(permission: Permission): string | null {
    if (!this.isThere) return null
    this.permission = permission
    return 'PA_ben'
  }
}

/** Some instances that share one floor and one room. */
class Play {
  readonly room = new TroubledRoom()
  readonly errors: unknown[] = []
  readonly rosters: Roster[]
  readonly reconcilers: Reconciler[]
  holder: string | null = null
  readMs = () => 1

  constructor(instances: number) {
    this.rosters = Array.from({ length: instances }, () => new Roster(noNeighbours))
    this.reconcilers = this.rosters.map(
      (roster) =>
        new Reconciler({
          rooms: this.room.rooms,
          names,
          roster,
          holder: () => this.#read(),
          onError: (error) => void this.errors.push(error),
        }),
    )
  }

  /** The floor as it was when it was read. */
  async #read(): Promise<string | null> {
    await later(this.readMs())
    const { holder } = this
    await later(this.readMs())
    return holder
  }

  follow(instance = 0) {
    void this.reconcilers[instance]?.follow({ groupId: GROUP, identity: IDENTITY })
  }

  hold(isHolder: boolean, instance = 0) {
    this.holder = isHolder ? IDENTITY : null
    this.follow(instance)
  }

  /** The device goes, or comes; an instance is told of the latter. */
  be(isThere: boolean, instance = 0) {
    const came = isThere && !this.room.isThere
    this.room.isThere = isThere
    this.rosters[instance]?.note({ room: names.of(GROUP), identity: IDENTITY, isThere, stay: '' })
    if (came) {
      this.room.permission = 'LISTEN'
      this.follow(instance)
    }
  }

  get isRight(): boolean {
    return !this.room.isThere || this.room.permission === (this.holder === IDENTITY ? 'TALK' : 'LISTEN')
  }

  async [Symbol.asyncDispose]() {
    const closed = this.reconcilers.map((one) => one[Symbol.asyncDispose]())
    await vi.advanceTimersByTimeAsync(20_000)
    await Promise.all(closed)
  }
}

/** Two instances, one device: it presses, releases, goes and comes while calls are lost, late, and overtake each other. */
async function playHistory(random: Random): Promise<string | null> {
  await using play = new Play(2)
  play.readMs = () => random.between(0, 10)
  play.room.way = () => {
    if (random.chance(0.7)) return { doneAfterMs: random.between(0, 60), answeredAfterMs: random.between(0, 60) }
    if (random.chance(0.3)) return { doneAfterMs: null, answeredAfterMs: null }
    return { doneAfterMs: random.between(0, LATEST_MS), answeredAfterMs: random.chance(0.5) ? null : random.between(0, 2 * GIVES_UP_MS) }
  }
  for (let turn = random.between(2, 25); turn > 0; turn--) {
    const instance = random.between(0, 1)
    if (random.chance(0.85)) play.hold(random.chance(0.5), instance)
    else play.be(random.chance(0.6), instance)
    await vi.advanceTimersByTimeAsync(random.chance(0.7) ? random.between(0, 50) : random.between(0, 2_500))
  }
  play.be(true, 0)
  play.room.way = () => ({ doneAfterMs: 1, answeredAfterMs: 2 })
  await vi.advanceTimersByTimeAsync(RIGHT_WITHIN_MS)
  return play.isRight ? null : `it may ${play.room.permission}, and the holder is ${play.holder ?? 'nobody'}`
}

describe('the reconciler', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test(`the permission ends as the floor does, whatever becomes of the calls, ${HISTORIES} times, seed ${SEED}`, async () => {
    const wrong: string[] = []
    for (let n = 0; n < HISTORIES; n++) {
      const found = await playHistory(new Random(SEED, n))
      if (found) wrong.push(`history ${n}: ${found}`)
    }
    expect(wrong).toEqual([])
  })

  test('the floor changes while it is told: it is told again, and nothing is under way at once', async () => {
    await using play = new Play(1)
    play.room.way = () => ({ doneAfterMs: 50, answeredAfterMs: 60 })
    play.hold(true)
    await vi.advanceTimersByTimeAsync(20)
    play.holder = null
    await vi.advanceTimersByTimeAsync(200)
    expect([play.room.permission, play.room.calls]).toEqual(['LISTEN', 2])
  })

  test('who asks meanwhile shares the next turn', async () => {
    await using play = new Play(1)
    for (let n = 0; n < 50; n++) play.follow()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(play.room.calls).toBe(2)
  })

  test('what failed is told again, and again after that it has succeeded, as the first may yet be carried out', async () => {
    await using play = new Play(1)
    play.room.way = () => ({ doneAfterMs: 3_000, answeredAfterMs: null })
    play.hold(true)
    await vi.advanceTimersByTimeAsync(10)
    play.room.way = () => ({ doneAfterMs: 1, answeredAfterMs: 1 })
    play.hold(false)
    await vi.advanceTimersByTimeAsync(2_000)
    expect([play.room.permission, play.errors.length]).toEqual(['LISTEN', 1])
    await vi.advanceTimersByTimeAsync(1_050)
    expect(play.room.permission).toBe('TALK')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(play.room.permission).toBe('LISTEN')
    const { calls } = play.room
    await vi.advanceTimersByTimeAsync(60_000)
    expect(play.room.calls).toBe(calls)
  })

  test('a device that is said to be there and is not found is looked for a little, then it is not there', async () => {
    await using play = new Play(1)
    play.room.isThere = false
    const room = names.of(GROUP)
    play.rosters[0]?.note({ room, identity: IDENTITY, isThere: true, stay: 'PA_1' })
    play.hold(true)
    await vi.advanceTimersByTimeAsync(300)
    expect(play.rosters[0]?.has(room, IDENTITY)).toBe(true)
    play.room.isThere = true
    await vi.advanceTimersByTimeAsync(500)
    expect(play.room.permission).toBe('TALK')
    play.room.isThere = false
    play.hold(false)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(play.rosters[0]?.has(room, IDENTITY)).toBe(false)
    const { calls } = play.room
    await vi.advanceTimersByTimeAsync(60_000)
    expect(play.room.calls).toBe(calls)
  })

  test('at the end nobody may be heard whom it permitted, and nothing is told any more', async () => {
    const play = new Play(1)
    play.hold(true)
    await vi.advanceTimersByTimeAsync(100)
    expect(play.room.permission).toBe('TALK')
    await play[Symbol.asyncDispose]()
    const withdrawn = play.reconcilers[0]?.withdrawAll()
    await vi.advanceTimersByTimeAsync(100)
    await withdrawn
    expect(play.room.permission).toBe('LISTEN')
    const { calls } = play.room
    await vi.advanceTimersByTimeAsync(60_000)
    expect(play.room.calls).toBe(calls)
  })
})
