import { type Clock, systemClock } from './clock.ts'

/** The little of a WebSocket that is needed: that of browsers, of Node 22 and later, and of the package ws. */
export interface SocketLike {
  readonly readyState: number
  send(text: string): void
  close(code?: number, reason?: string): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void
  addEventListener(type: 'open' | 'error', listener: () => void): void
}

export type SocketConstructor = new (url: string, protocol: string) => SocketLike

/** What the SDK takes from where it runs. */
export interface Environment {
  readonly fetch: typeof globalThis.fetch
  /** Null where there is none, as on watchOS and in Node 20. */
  readonly WebSocket: SocketConstructor | null
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
}

export function surroundings(given: Partial<Environment>): Environment {
  const { WebSocket = null } = globalThis as { WebSocket?: SocketConstructor }
  return {
    // Browsers insist on their own `this`.
    fetch: (input, init) => globalThis.fetch(input, init),
    WebSocket,
    clock: systemClock(),
    random: () => Math.random(),
    ...given,
  }
}

/** Fresh, and nothing to guard: what it names belongs to this session. Of A-Z, a-z, 0-9. */
export function freshId(random: () => number): string {
  const part = () => Math.floor(random() * 36 ** 8).toString(36)
  return `${part()}${part()}`
}
