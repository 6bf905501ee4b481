import type { AuditAction, AuditDetails } from '../../database/audit-log.ts'
import type { AuditTrail } from '../../database/audit-trail.ts'
import type { Database } from '../../database/client.ts'
import type { GroupId, SessionId } from '../../ids.ts'
import type { MediaEvent, RoomParticipant, Rooms } from '../../integrations/livekit/media-server.ts'
import type { Logger } from '../../logger.ts'
import type { Floor } from '../../realtime/events.ts'
import type { GroupsService } from '../groups/groups.service.ts'
import { holderOf, type RoomNames, whoIs } from './media-identity.ts'
import type { Reconciler } from './reconciler.ts'
import type { Roster } from './roster.ts'

export interface WatchdogDeps {
  readonly db: Database
  readonly rooms: Rooms
  readonly names: RoomNames
  readonly roster: Roster
  readonly reconciler: Reconciler
  readonly groups: Pick<GroupsService, 'mayHear' | 'exists'>
  /** Waits until what happened in a group is written; false if that takes too long. */
  readonly recorded: (groupId: GroupId) => Promise<boolean>
  readonly floor: (groupId: GroupId) => Promise<Floor>
  readonly audit: Pick<AuditTrail, 'addCounted'>
  readonly log: Logger
}

/** Who published without the floor, in which stay, and how the floor was before its permission was withdrawn. */
interface Suspicion {
  readonly groupId: GroupId
  readonly identity: string
  readonly stay: string
  readonly before: Floor
  readonly isFirst: boolean
}

/** No right to publish that the media server hands out lives as long. */
const LONGEST_RIGHT_MS = 3_600_000

/**
 * Looks at who is in a room and what they may do there. A token opens the room for as long as it lives, and the media server itself hands out
 * new ones with the rights of the moment: whoever was a speaker once has one that may publish.
 */
export class Watchdog {
  readonly #deps: WatchdogDeps

  constructor(deps: WatchdogDeps) {
    this.#deps = deps
  }

  /**
   * Somebody has come to a room, or begun to publish: nobody stays who may not hear, and nobody is heard who has not the floor. False: who is to
   * go was not found, or whether it is to go is not known yet; then it is to be looked at again.
   */
  async look(groupId: GroupId, { kind, identity, stay }: Omit<MediaEvent, 'room'>, attempt = 0): Promise<boolean> {
    const { rooms, names, groups, floor, reconciler } = this.#deps
    if (!(await groups.exists(groupId))) {
      await rooms.close(names.of(groupId))
      return true
    }
    if (!(await this.#mayHear(groupId, identity))) return this.#putOut(groupId, identity, 'MAY_NOT_HEAR')
    const before = await floor(groupId)
    await reconciler.follow({ groupId, identity })
    return kind !== 'PUBLISHED' || this.#judge({ groupId, identity, stay, before, isFirst: attempt === 0 })
  }

  /** Looks at a whole room: takes away what somebody may not have any more, and answers who is to be given something. */
  async inspect(groupId: GroupId): Promise<readonly string[]> {
    const { rooms, names, roster, groups, floor } = this.#deps
    const room = names.of(groupId)
    if (!(await groups.exists(groupId))) {
      await rooms.close(room)
      return []
    }
    const present = await rooms.participants(room)
    roster.replace(room, present)
    const holds = holderOf(await floor(groupId))
    for (const { identity, stay, canPublish, publishes } of present) {
      if (!(await this.#mayHear(groupId, identity))) await this.#putOut(groupId, identity, 'MAY_NOT_HEAR')
      else if (identity !== holds && (canPublish || publishes))
        await this.look(groupId, { kind: publishes ? 'PUBLISHED' : 'JOINED', identity, stay })
    }
    return present.filter(({ identity, canPublish }) => identity === holds && !canPublish).map(({ identity }) => identity)
  }

  #mayHear(groupId: GroupId, identity: string): Promise<boolean> {
    const who = whoIs(identity)
    return who ? this.#deps.groups.mayHear(who.userId, who.sessionId, groupId) : Promise.resolve(false)
  }

  /**
   * Somebody published, and its right to has been withdrawn if it has not the floor. A track may be on its way when a burst ends, or a device
   * come late; but who came after its last burst had ended, with a right that it had then, is put out.
   */
  async #judge({ groupId, identity, stay, before, isFirst }: Suspicion): Promise<boolean> {
    const { rooms, names, floor, log } = this.#deps
    if (holderOf(await floor(groupId)) === identity) return true
    const room = names.of(groupId)
    if (isFirst) {
      log.warn({ room, identity }, 'published without the floor: its permission was withdrawn')
      this.#note('PUBLISHED_WITHOUT_FLOOR', groupId, identity)
    }
    const found = (await rooms.participants(room)).find((one) => one.identity === identity)
    // Told late of an earlier stay, it says nothing of this one.
    if (!found || !(found.publishes || found.stay === stay)) return true
    // If the floor has moved, it may have pressed and published anew since its permission was withdrawn.
    const publishesOn = found.publishes && (await floor(groupId)).sequence === before.sequence
    const isToGo = publishesOn || (await this.#cameLate(groupId, found))
    if (!isToGo || holderOf(await floor(groupId)) === identity) return isToGo !== null
    await this.#putOut(groupId, identity, 'PUBLISHED_WITHOUT_FLOOR')
    return true
  }

  /** Null: not known until the record is written. Rather too late than somebody who only finished its burst. */
  async #cameLate(groupId: GroupId, { identity, joinedAt }: RoomParticipant): Promise<boolean | null> {
    const sessionId: SessionId | undefined = whoIs(identity)?.sessionId
    if (!sessionId) return true
    const { recorded, db } = this.#deps
    if (!(await recorded(groupId))) return null
    const where = { groupId, sessionId, startedAt: { gt: new Date(Date.now() - LONGEST_RIGHT_MS) } }
    const last = await db.speakerHistory.findFirst({ where, orderBy: { startedAt: 'desc' }, select: { endedAt: true } })
    // One that runs: it presses again and again, and is looked at when that ends.
    return !last || (last.endedAt !== null && joinedAt > last.endedAt.getTime())
  }

  async #putOut(groupId: GroupId, identity: string, reason: 'MAY_NOT_HEAR' | 'PUBLISHED_WITHOUT_FLOOR'): Promise<boolean> {
    const { rooms, names, roster, log } = this.#deps
    const room = names.of(groupId)
    log.warn({ room, identity, reason }, 'put out of the room')
    const wasThere = await rooms.remove(room, identity)
    roster.note({ room, identity, isThere: false })
    if (!wasThere) return false
    this.#note('PUT_OUT_OF_ROOM', groupId, identity, { reason })
    return true
  }

  /** Counted: a device can bring it about as often as it likes. */
  #note(action: AuditAction, groupId: GroupId, identity: string, details: AuditDetails = {}) {
    const who = whoIs(identity)
    const target = who ? ({ kind: 'SESSION', id: who.sessionId } as const) : ({ kind: 'GROUP', id: groupId } as const)
    this.#deps.audit.addCounted({ action, actor: null, target, details: { groupId, userId: who?.userId ?? null, ...details } })
  }
}
