import { decodeGlobalID } from '@pothos/plugin-relay'
import { Refusal } from '../errors.ts'
import type { BurstId, GroupId, SessionId, UserId } from '../ids.ts'

interface Ids {
  Group: GroupId
  User: UserId
  Session: SessionId
  TalkBurst: BurstId
}

export const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/

/** The object that an opaque id names. One that we never made answers as one that belongs to nothing. */
export function fromGlobalId<Name extends keyof Ids>(name: Name, globalId: string): Ids[Name] {
  const { typename, id } = decode(globalId)
  if (typename !== name || !UUID.test(id)) throw new Refusal('NOT_FOUND')
  return id as Ids[Name]
}

function decode(globalId: string): { typename: string; id: string } {
  try {
    return decodeGlobalID(globalId)
  } catch {
    throw new Refusal('NOT_FOUND')
  }
}
