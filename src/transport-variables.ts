import { resolve } from 'node:path'
import { z } from 'zod'
import type { TrustMode } from './graphql/trusted-documents.ts'

/** What the HTTP and WebSocket side lets through. */
export interface TransportSettings {
  /** Of each network address that is not signed in, per second. */
  readonly requestsPerAddress: number
  readonly subscriptionsPerSocket: number
  /** Of each WebSocket, per second. */
  readonly messagesPerSocket: number
  readonly graphiql: boolean
  readonly trustedDocuments: { readonly file: string | null; readonly mode: TrustMode }
}

const whole = (most: number) =>
  z.coerce.number('must be a number').int('must be a whole number').min(1, `must be 1 to ${most}`).max(most, `must be 1 to ${most}`)

export const transportVariables = {
  REQUESTS_PER_ADDRESS: whole(1_000_000).default(50),
  SUBSCRIPTIONS_PER_SOCKET: whole(10_000).default(200),
  MESSAGES_PER_SOCKET: whole(1_000_000).default(500),
  GRAPHIQL: z.enum(['on', 'off'], 'must be on or off').optional(),
  TRUSTED_DOCUMENTS: z.string().optional(),
  TRUSTED_DOCUMENTS_MODE: z.enum(['off', 'report', 'enforce'], 'must be off, report or enforce').default('off'),
}

type TransportEnvironment = z.infer<z.ZodObject<typeof transportVariables>>

export const transportSettings = (env: TransportEnvironment, { production }: { production: boolean }): TransportSettings => ({
  requestsPerAddress: env.REQUESTS_PER_ADDRESS,
  subscriptionsPerSocket: env.SUBSCRIPTIONS_PER_SOCKET,
  messagesPerSocket: env.MESSAGES_PER_SOCKET,
  graphiql: env.GRAPHIQL === undefined ? !production : env.GRAPHIQL === 'on',
  trustedDocuments: {
    file: env.TRUSTED_DOCUMENTS === undefined ? null : resolve(env.TRUSTED_DOCUMENTS),
    mode: env.TRUSTED_DOCUMENTS_MODE,
  },
})
