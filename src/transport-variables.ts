import { resolve } from 'node:path'
import { z } from 'zod'
import type { TrustMode } from './graphql/trusted-documents.ts'

/** What the HTTP and WebSocket side lets through. */
export interface TransportSettings {
  /** Of each network address that is not signed in, per second. */
  readonly requestsPerAddress: number
  readonly subscriptionsPerSocket: number
  /** Streams over HTTP, on all devices of a user together. */
  readonly streamsPerUser: number
  /** Of each WebSocket, per second. */
  readonly messagesPerSocket: number
  readonly heartbeats: Heartbeats
  readonly graphiql: boolean
  readonly trustedDocuments: { readonly file: string | null; readonly mode: TrustMode }
}

/** How long an open connection is silent at most, in milliseconds: then it carries a sign of life. */
export interface Heartbeats {
  /** Of a device that is present in a group. */
  readonly joinedMs: number
  readonly idleMs: number
}

const whole = (most: number, least = 1) => {
  const range = `must be ${least} to ${most}`
  return z.coerce.number('must be a number').int('must be a whole number').min(least, range).max(most, range)
}

/** No more than this, or a lost ping would end a presence. */
const MOST_JOINED_MS = 4_000
/** Proxies close what is silent for a minute. */
const MOST_IDLE_MS = 55_000
const LEAST_MS = 500

export const transportVariables = {
  REQUESTS_PER_ADDRESS: whole(1_000_000).default(50),
  SUBSCRIPTIONS_PER_SOCKET: whole(10_000).default(200),
  STREAMS_PER_USER: whole(10_000).default(8),
  HEARTBEAT_JOINED_MS: whole(MOST_JOINED_MS, LEAST_MS).default(4_000),
  HEARTBEAT_IDLE_MS: whole(MOST_IDLE_MS, LEAST_MS).default(30_000),
  MESSAGES_PER_SOCKET: whole(1_000_000).default(500),
  GRAPHIQL: z.enum(['on', 'off'], 'must be on or off').optional(),
  TRUSTED_DOCUMENTS: z.string().optional(),
  TRUSTED_DOCUMENTS_MODE: z.enum(['off', 'report', 'enforce'], 'must be off, report or enforce').default('off'),
}

type TransportEnvironment = z.infer<z.ZodObject<typeof transportVariables>>

export const transportSettings = (env: TransportEnvironment, { production }: { production: boolean }): TransportSettings => ({
  requestsPerAddress: env.REQUESTS_PER_ADDRESS,
  subscriptionsPerSocket: env.SUBSCRIPTIONS_PER_SOCKET,
  streamsPerUser: env.STREAMS_PER_USER,
  heartbeats: { joinedMs: env.HEARTBEAT_JOINED_MS, idleMs: env.HEARTBEAT_IDLE_MS },
  messagesPerSocket: env.MESSAGES_PER_SOCKET,
  graphiql: env.GRAPHIQL === undefined ? !production : env.GRAPHIQL === 'on',
  trustedDocuments: {
    file: env.TRUSTED_DOCUMENTS === undefined ? null : resolve(env.TRUSTED_DOCUMENTS),
    mode: env.TRUSTED_DOCUMENTS_MODE,
  },
})
