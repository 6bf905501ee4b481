import type { ParticipantInfo } from 'livekit-server-sdk'
import type { FakeLiveKit } from '../support/fake-livekit.ts'
import type { Keys } from '../support/fake-livekit-tokens.ts'

/** A client of the media server: what its user can do, and what becomes of it. */
export interface MediaDevice {
  readonly identity: string
  /** Another one with every joining. */
  readonly sid: string
  /** Begins to send its microphone; false if the server does not take it. */
  publish(): Promise<boolean>
  unpublish(): Promise<void>
  leave(): Promise<void>
  /** The newest token that the server gave it. */
  refreshedToken(): Promise<string>
  /** Whether it was in the room, and is not any more although it did not leave. */
  wasPutOut(): Promise<boolean>
}

/** A media server that NEDA is to make obey, and everybody who connects to it. */
export interface MediaWorld extends Keys, AsyncDisposable {
  /** What NEDA is told of it. */
  readonly env: Readonly<Record<string, string>>
  /** Connects with a token, which may be forged with the keys. */
  join(token: string): Promise<MediaDevice>
  /** Who is in a room, as the server itself has it; nobody if there is no room. */
  participants(room: string): Promise<readonly ParticipantInfo[]>
  rooms(): Promise<readonly string[]>
  /** Resolves when NEDA has been told of all that has happened until now. */
  told(): Promise<void>
  /** NEDA's connections to it break, and new ones are refused; devices notice nothing. */
  cut(): Promise<void>
  /** What NEDA asks it is not answered. */
  hang(): void
  mend(): Promise<void>
  /** Where it is one that can be looked into. */
  readonly fake: FakeLiveKit | null
}

/** Opens a world that reports to this address, or to nobody. */
export type OpenWorld = (webhookUrl?: string) => Promise<MediaWorld>
