import { expect } from 'vitest'
import {
  FloorDocument,
  type FloorPriority,
  HeartbeatDocument,
  JoinGroupDocument,
  LeaveGroupDocument,
  ReleaseTalkDocument,
  RenewTalkDocument,
  RequestTalkDocument,
  TalkBurstsDocument,
  type TypedDocumentString,
} from '../generated/operations.ts'
import type { Answer } from '../support/client.ts'

/** What a device does, over whatever connection: plain HTTP or a socket, to whichever instance. */
export interface Asks {
  ask<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<Answer<Result>>
  get<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<Result>
}

interface Press {
  readonly queue?: boolean
  readonly priority?: FloorPriority
}

export const press = async (over: Asks, groupId: string, requestId: string, more: Press = {}) =>
  (await over.get(RequestTalkDocument, { input: { groupId, requestId, ...more } })).requestTalk

/** A press that must be granted; answers the burst. */
export async function talk(over: Asks, groupId: string, requestId: string, more: Press = {}) {
  const { outcome, denyReason, burst } = await press(over, groupId, requestId, more)
  expect({ outcome, denyReason }).toEqual({ outcome: 'GRANTED', denyReason: null })
  if (!burst) throw new Error('granted without a burst')
  return burst
}

export const renew = async (over: Asks, groupId: string, burstId: string) =>
  (await over.get(RenewTalkDocument, { input: { groupId, burstId } })).renewTalk

export const release = async (over: Asks, groupId: string, requestId: string) =>
  (await over.get(ReleaseTalkDocument, { input: { groupId, requestId } })).releaseTalk

export const join = async (over: Asks, groupId: string) => (await over.get(JoinGroupDocument, { input: { groupId } })).joinGroup

export const leave = async (over: Asks, groupId: string) => (await over.get(LeaveGroupDocument, { input: { groupId } })).leaveGroup

/** Where of these groups the device is present, after a sign of life. */
export const beat = async (over: Asks, ...groupIds: string[]) =>
  (await over.get(HeartbeatDocument, { input: { groupIds } })).heartbeat.presentIn

export const floorOf = async (over: Asks, groupId: string) => (await over.get(FloorDocument, { groupId })).floor

/** The record of a group, newest first. */
export const bursts = async (over: Asks, groupId: string) =>
  (await over.get(TalkBurstsDocument, { groupId, first: 100 })).talkBursts.edges.map(({ node }) => node)

/** The code of a refusal; undefined when there is none. */
export const codeOf = ({ errors }: Answer<unknown>): string | undefined => errors?.[0]?.extensions?.code

/** What became of a press, in a word: its outcome, or the code of the error. */
export async function outcomeOf(over: Asks, groupId: string, requestId: string, more: Press = {}): Promise<string> {
  const answer = await over.ask(RequestTalkDocument, { input: { groupId, requestId, ...more } })
  return codeOf(answer) ?? answer.data?.requestTalk.outcome ?? 'nothing'
}
