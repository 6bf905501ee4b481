import type { NedaError } from '../errors.ts'
import type { Answer, Operation } from '../http.ts'

export type TransportName = 'websocket' | 'sse' | 'multipart'

/** What becomes of one subscription. */
export interface Sink {
  /** The server has taken it, or at least has begun to answer. */
  opened(): void
  next(answer: Answer): void
  /** Told once, unless it was stopped. Null: the server has said that it is complete. */
  ended(error: NedaError | null): void
}

export interface StreamRequest extends Operation {
  readonly accessToken: string
}

/** One way to watch. It opens what it is told to and never tries again: whoever asked does. */
export interface Transport {
  readonly name: TransportName
  /** Opens a subscription. The result stops it, and then nothing more is told. */
  open(request: StreamRequest, sink: Sink): () => void
  /** The next access token of the device: what stays open goes on with it. */
  renew(accessToken: string): void
  /** Looks now whether the server is still there: the device may have slept. */
  check(): void
  close(): void
}

/** How often both sides give a sign of life. */
export interface Liveness {
  /** Whether this device is joined somewhere: then it matters at once when the connection is gone. */
  readonly isJoined: boolean
}

/** By the server's own heartbeats, 4 s for a device that is joined and 30 s otherwise: two of them may get lost. */
export const silentForMs = ({ isJoined }: Liveness): number => (isJoined ? 10_000 : 95_000)

/** How often we ask a socket whether it is alive, and how long that may take. */
export const pingEveryMs = ({ isJoined }: Liveness): number => (isJoined ? 4_000 : 30_000)
export const PONG_WITHIN_MS = 4_000
export const OPEN_WITHIN_MS = 10_000
