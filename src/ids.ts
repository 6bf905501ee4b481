import { v7 as uuidv7 } from 'uuid'

type Id<Name extends string> = string & { readonly id: Name }

export type UserId = Id<'User'>
export type GroupId = Id<'Group'>
export type SessionId = Id<'Session'>
export type BurstId = Id<'TalkBurst'>
export type VoiceSessionId = Id<'GroupVoiceSession'>
export type MemberId = Id<'GroupMember'>
/** One socket or one open HTTP stream of a device; lives as long as the connection. */
export type ConnectionId = Id<'Connection'>
/** Names one press of the button, chosen by the device. */
export type RequestId = Id<'Request'>

/** A new UUIDv7: sorts by the time it was made. */
export const newId = <T extends Id<string>>() => uuidv7() as T
