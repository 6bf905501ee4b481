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
  /** WebSockets and HTTP streams that are opened, per second. */
  readonly openingsPerSecond: number
  /** WebSockets that have not said yet whose they are. */
  readonly unknownSockets: number
  readonly heartbeats: Heartbeats
  readonly graphiql: boolean
  readonly trustedDocuments: { readonly file: string | null; readonly mode: TrustMode }
}

/** How often a device hears from us while nothing happens, in milliseconds. */
export interface Heartbeats {
  /** While it is present in a group. */
  readonly joinedMs: number
  readonly idleMs: number
}

const whole = (most: number) =>
  z.coerce.number('must be a number').int('must be a whole number').min(1, `must be 1 to ${most}`).max(most, `must be 1 to ${most}`)

const milliseconds = (least: number, most: number) => {
  const range = `must be a whole number of milliseconds, ${least} to ${most}`
  return z.coerce.number('must be a number').int(range).min(least, range).max(most, range)
}

/** One heartbeat may be lost before a device is no longer present. */
const LONGEST_JOINED_MS = 4_500

export const transportVariables = {
  REQUESTS_PER_ADDRESS: whole(1_000_000).default(50),
  SUBSCRIPTIONS_PER_SOCKET: whole(10_000).default(200),
  STREAMS_PER_USER: whole(10_000).default(8),
  MESSAGES_PER_SOCKET: whole(1_000_000).default(500),
  OPENINGS_PER_SECOND: whole(1_000_000).default(400),
  UNKNOWN_SOCKETS: whole(1_000_000).default(1_000),
  HEARTBEAT_JOINED_MS: milliseconds(100, LONGEST_JOINED_MS).default(4_000),
  HEARTBEAT_IDLE_MS: milliseconds(100, 600_000).default(30_000),
  GRAPHIQL: z.enum(['on', 'off'], 'must be on or off').optional(),
  TRUSTED_DOCUMENTS: z.string().optional(),
  TRUSTED_DOCUMENTS_MODE: z.enum(['off', 'report', 'enforce'], 'must be off, report or enforce').default('off'),
}

type TransportEnvironment = z.infer<z.ZodObject<typeof transportVariables>>

export const transportSettings = (env: TransportEnvironment, { production }: { production: boolean }): TransportSettings => ({
  requestsPerAddress: env.REQUESTS_PER_ADDRESS,
  subscriptionsPerSocket: env.SUBSCRIPTIONS_PER_SOCKET,
  streamsPerUser: env.STREAMS_PER_USER,
  messagesPerSocket: env.MESSAGES_PER_SOCKET,
  openingsPerSecond: env.OPENINGS_PER_SECOND,
  unknownSockets: env.UNKNOWN_SOCKETS,
  heartbeats: { joinedMs: env.HEARTBEAT_JOINED_MS, idleMs: env.HEARTBEAT_IDLE_MS },
  graphiql: env.GRAPHIQL === undefined ? !production : env.GRAPHIQL === 'on',
  trustedDocuments: {
    file: env.TRUSTED_DOCUMENTS === undefined ? null : resolve(env.TRUSTED_DOCUMENTS),
    mode: env.TRUSTED_DOCUMENTS_MODE,
  },
})
