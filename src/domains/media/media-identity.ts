import type { GroupId, SessionId, UserId } from '../../ids.ts'
import type { Floor } from '../../realtime/events.ts'

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const IDENTITY = new RegExp(`^(${UUID}):(${UUID})$`)

/** Who is in a room: one identity per device session, so that a second watch of the same user does not push the first out. */
export const mediaIdentity = (userId: UserId, sessionId: SessionId) => `${userId}:${sessionId}`

/** Who alone may be heard; null: nobody. */
export const holderOf = ({ burst }: Floor) => burst && mediaIdentity(burst.speaker.id, burst.sessionId)

/** Null for who was never given a way in by us. */
export function whoIs(identity: string): { readonly userId: UserId; readonly sessionId: SessionId } | null {
  const [, userId, sessionId] = IDENTITY.exec(identity) ?? []
  return userId && sessionId ? { userId: userId as UserId, sessionId: sessionId as SessionId } : null
}

/** Rooms by group. The environment is part of the name: a token of one deployment opens no room of another with the same keys. */
export class RoomNames {
  readonly #prefix: string
  readonly #pattern: RegExp

  constructor(environment: string) {
    this.#prefix = `${environment}:`
    this.#pattern = new RegExp(`^${environment}:(${UUID})$`)
  }

  of(groupId: GroupId): string {
    return `${this.#prefix}${groupId}`
  }

  /** Null for a room that is not ours. */
  groupOf(room: string): GroupId | null {
    return (this.#pattern.exec(room)?.[1] as GroupId | undefined) ?? null
  }
}
