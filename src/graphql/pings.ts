import type { PresenceService } from '../domains/presence/presence.service.ts'
import type { SessionId } from '../ids.ts'
import type { Heartbeats } from '../transport-variables.ts'

/** A socket that is asked now and then whether somebody is still there. */
export interface Pinged {
  readonly socket: { ping(): void; terminate(): void }
  /** Null: nobody who could be present. */
  readonly sessionId: SessionId | null
  pingedAt: number
  /** Pings that were not answered yet. */
  unanswered: number
}

export interface PingDeps {
  readonly heartbeats: Heartbeats
  readonly presence: Pick<PresenceService, 'isJoined'>
}

/** One that answers none of these is gone, though TCP may not know it for minutes. */
const MOST_UNANSWERED = 2
/** How much sooner than due a ping may be, as a part of the time between two of them. */
const EARLINESS = 1 / 8

/**
 * Pings every device that is signed in: one that is present often enough to stay so, whatever connection it joined over; others seldom, for
 * the sake of their batteries. A ping that was not answered is repeated soon.
 */
export function keepPinging(devices: Iterable<Pinged>, { heartbeats: { joinedMs, idleMs }, presence }: PingDeps): Disposable {
  const lookEveryMs = Math.min(joinedMs, idleMs) * EARLINESS
  const pings = setInterval(() => {
    const now = performance.now()
    for (const device of devices) {
      if (device.sessionId === null) continue
      const isSoon = device.unanswered > 0 || presence.isJoined(device.sessionId)
      if (now - device.pingedAt >= (isSoon ? joinedMs : idleMs) - lookEveryMs) ping(device, now)
    }
  }, lookEveryMs)
  return { [Symbol.dispose]: () => clearInterval(pings) }
}

function ping(device: Pinged, now: number) {
  if (device.unanswered >= MOST_UNANSWERED) return device.socket.terminate()
  device.unanswered += 1
  device.pingedAt = now
  device.socket.ping()
}
