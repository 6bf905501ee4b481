import {
  FloorMessageDocument,
  type FloorPriority,
  ReleaseTalkDocument,
  RenewTalkDocument,
  RequestTalkDocument,
  TalkBurstsDocument,
} from '../generated/operations.ts'
import type { Client } from './client.ts'

/** What a device does with its button. */

export async function press(device: Client, groupId: string, requestId: string, more: { queue?: boolean; priority?: FloorPriority } = {}) {
  return (await device.get(RequestTalkDocument, { input: { groupId, requestId, ...more } })).requestTalk
}

export async function release(device: Client, groupId: string, requestId: string) {
  return (await device.get(ReleaseTalkDocument, { input: { groupId, requestId } })).releaseTalk
}

export async function renew(device: Client, groupId: string, burstId = '') {
  return (await device.get(RenewTalkDocument, { input: { groupId, burstId } })).renewTalk
}

/** What is said to this device alone. The answer's head comes when the stream is open, so nothing after it is missed. */
export async function hear(device: Client, groupId: string) {
  const stream = await device.subscribeSse(FloorMessageDocument, { groupId })
  return { stream, next: async () => (await stream.received.next()).data?.floorMessage }
}

/** Why the group's bursts ended, newest first. */
export async function endReasons(device: Client, groupId: string) {
  return (await device.get(TalkBurstsDocument, { groupId })).talkBursts.edges.map(({ node }) => node.endReason)
}
