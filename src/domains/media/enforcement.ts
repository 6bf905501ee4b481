import pLimit from 'p-limit'
import { coalesced } from '../../coalesced.ts'
import type { AuditTrail } from '../../database/audit-trail.ts'
import type { Change } from '../../database/change-log.ts'
import type { Database } from '../../database/client.ts'
import type { GroupId } from '../../ids.ts'
import type { MediaEvent } from '../../integrations/livekit/media-server.ts'
import { type Logger, seldom } from '../../logger.ts'
import type { RealtimeEngine } from '../../realtime/engine.ts'
import type { RecordEntry } from '../../realtime/events.ts'
import type { Standing } from '../auth/standing.ts'
import type { GroupsService } from '../groups/groups.service.ts'
import type { Breaker } from './breaker.ts'
import { holderOf, mediaIdentity, type RoomNames } from './media-identity.ts'
import { Reconciler } from './reconciler.ts'
import type { Roster } from './roster.ts'
import { Watchdog } from './watchdog.ts'

export interface EnforcementDeps {
  readonly db: Database
  readonly breaker: Breaker
  readonly names: RoomNames
  readonly roster: Roster
  readonly engine: RealtimeEngine
  readonly standing: Standing
  readonly groups: GroupsService
  readonly audit: Pick<AuditTrail, 'addCounted'>
  readonly recorded: (groupId: GroupId) => Promise<boolean>
  /** Whether the floor ends with this process. */
  readonly isAlone: boolean
  readonly log: Logger
}

const SWEEP_EVERY_MS = 30_000
/** Rooms that could not be looked at are looked at again. */
const MAKE_UP_EVERY_MS = 1_000
const ROOMS_AT_ONCE = 8
/** So many groups at once, and looking at every room is the shorter way. */
const MOST_NAMED = 50
/** What began or ended longer ago than this was not followed by who did it: that instance has died. */
const FOLLOWED_WITHIN_MS = 1_000
/** Whom LiveKit tells of, it finds everywhere by then, and what happened is in the record. */
const LOOK_AGAIN_AFTER_MS = [50, 150, 400, 800, 1_600]

/**
 * Makes the media server obey the floor and the rights. What happened is a reason to look, never what is done: whoever looks compares the rooms
 * with the floor and with what people may do as it is then. So nothing depends on the order of reports, nor on which instance hears of them,
 * and what was missed is found by the next look.
 */
export class Enforcement implements AsyncDisposable {
  readonly #deps: EnforcementDeps
  readonly #reconciler: Reconciler
  readonly #watchdog: Watchdog
  readonly #stack = new DisposableStack()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #onError: (error: unknown) => void
  /** Groups whose room could not be looked at. */
  readonly #owed = new Set<GroupId>()
  /** Who asks while one is under way gets another: rooms that it has passed may be meant. */
  readonly #look = coalesced(() => this.#lookEverywhere().catch(this.#onError))
  #looking: Promise<void> = Promise.resolve()

  constructor(deps: EnforcementDeps) {
    const { breaker, names, roster, engine, standing, log } = deps
    this.#deps = deps
    this.#onError = seldom(log, 'the media server was not told, and is told again')
    const floor = async (groupId: GroupId) => (await engine.floorLog.read(groupId)).snapshot
    const holder = async (groupId: GroupId) => holderOf(await floor(groupId))
    const { rooms } = breaker
    this.#reconciler = new Reconciler({ rooms, names, roster, holder, onError: this.#onError })
    this.#watchdog = new Watchdog({ ...deps, rooms, reconciler: this.#reconciler, floor })
    this.#stack.defer(
      engine.holders(
        ({ groupId, userId, sessionId }) => void this.#reconciler.follow({ groupId, identity: mediaIdentity(userId, sessionId) }),
      ),
    )
    this.#stack.defer(engine.record((entry) => this.#recorded(entry)))
    this.#stack.defer(standing.follow((changes) => this.#changed(changes)))
    this.#stack.defer(breaker.onRecovered(() => this.sweep()))
    const sweeps = setInterval(() => this.sweep(), SWEEP_EVERY_MS)
    const makingUp = setInterval(() => this.#makeUp(), MAKE_UP_EVERY_MS)
    this.#stack.defer(() => {
      clearInterval(sweeps)
      clearInterval(makingUp)
    })
    this.sweep()
  }

  /** The media server reported something. Rejects if it could not be followed up now. */
  async heard(event: MediaEvent): Promise<void> {
    const { names, roster, breaker } = this.#deps
    const { kind, room, identity, stay } = event
    const groupId = names.groupOf(room)
    if (!groupId || identity === '') return
    roster.note({ room, identity, stay, isThere: kind !== 'LEFT' })
    if (kind === 'LEFT') return
    if (breaker.isOpen) throw new Error('the media server does not answer')
    if (!(await this.#watchdog.look(groupId, event))) this.#lookLater(groupId, event, 0)
  }

  /** Looks at all rooms: first whatever is to be taken away anywhere, then what is to be given. */
  sweep(): void {
    this.#looking = this.#look()
  }

  async [Symbol.asyncDispose]() {
    this.#stack.dispose()
    for (const timer of this.#timers) clearTimeout(timer)
    await this.#reconciler[Symbol.asyncDispose]()
    await this.#looking
    if (this.#deps.isAlone) await this.#reconciler.withdrawAll()
  }

  async #lookEverywhere(): Promise<void> {
    const { breaker, names, roster } = this.#deps
    const listed = await breaker.rooms.list()
    roster.keep(new Set(listed))
    const groupIds = listed.map((room) => names.groupOf(room)).filter((groupId) => groupId !== null)
    const atOnce = pLimit(ROOMS_AT_ONCE)
    const owed = await atOnce.map(groupIds, async (groupId) => ({ groupId, identities: await this.#inspect(groupId) }))
    for (const { groupId, identities } of owed) for (const identity of identities) await this.#reconciler.follow({ groupId, identity })
  }

  async #inspect(groupId: GroupId): Promise<readonly string[]> {
    try {
      return await this.#watchdog.inspect(groupId)
    } catch (error) {
      this.#onError(error)
      this.#owed.add(groupId)
      return []
    }
  }

  async #lookInto(groupId: GroupId): Promise<void> {
    for (const identity of await this.#inspect(groupId)) await this.#reconciler.follow({ groupId, identity })
  }

  #makeUp() {
    if (this.#deps.breaker.isOpen) return
    const owed = [...this.#owed]
    this.#owed.clear()
    for (const groupId of owed) void this.#lookInto(groupId)
  }

  #changed(changes: readonly Change[]) {
    const { standing } = this.#deps
    const groupIds = new Set<GroupId>()
    for (const change of changes) {
      if (change.kind === 'GROUP' || change.kind === 'MEMBER') groupIds.add(change.groupId)
      // In which of its groups' rooms the device is need not be known.
      if (change.kind === 'SESSION' && !standing.sessionUser(change.sessionId))
        for (const { id } of standing.groupsOf(change.userId)) groupIds.add(id)
    }
    if (groupIds.size > MOST_NAMED) return this.sweep()
    for (const groupId of groupIds) void this.#lookInto(groupId)
  }

  #recorded(entry: RecordEntry) {
    if ('forgotten' in entry) return this.sweep()
    if ('voiceSession' in entry) return
    const { group, speaker, sessionId, startedAt, endedAt } = entry.burst
    if (Date.now() - (endedAt ?? startedAt) < FOLLOWED_WITHIN_MS) return
    void this.#reconciler.follow({ groupId: group.id, identity: mediaIdentity(speaker.id, sessionId) })
  }

  /** Who was to be put out was not found, as LiveKit's own servers tell each other a moment later; or the record was not written yet. */
  #lookLater(groupId: GroupId, event: MediaEvent, attempt: number) {
    const afterMs = LOOK_AGAIN_AFTER_MS[attempt]
    if (afterMs === undefined) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      void this.#lookAgain(groupId, event, attempt + 1)
    }, afterMs)
    this.#timers.add(timer)
  }

  async #lookAgain(groupId: GroupId, event: MediaEvent, attempt: number) {
    try {
      if (!(await this.#watchdog.look(groupId, event, attempt))) this.#lookLater(groupId, event, attempt)
    } catch (error) {
      this.#onError(error)
      this.#owed.add(groupId)
    }
  }
}
