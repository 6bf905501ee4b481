/** What a device may do in a room. */
export interface MediaTokenClaims {
  /** Exactly this room: an empty name would open every room. */
  readonly room: string
  readonly identity: string
  readonly displayName: string
  /** Publish the microphone, or only listen. */
  readonly canPublish: boolean
  readonly ttlMs: number
}

/** Somebody in a room, as the media server sees it. */
export interface RoomParticipant {
  readonly identity: string
  /** This stay of it in the room. */
  readonly stay: string
  /** By the media server's clock, in ms. */
  readonly joinedAt: number
  readonly canPublish: boolean
  /** Whether it has a track, audible or not. */
  readonly publishes: boolean
}

/** The permission of one participant, whole: everybody listens, who talks publishes the microphone and nothing else. */
export type Permission = 'TALK' | 'LISTEN'

/** The media server was asked and did not do it: away, too slow, or broken. Whether it does it later is unknown. */
export class MediaUnavailable extends Error {
  /** The keys were refused: trying again does not help until somebody changes them. */
  readonly refusesKeys: boolean

  constructor(message: string, { cause, refusesKeys = false }: { cause?: unknown; refusesKeys?: boolean } = {}) {
    super(message, { cause })
    this.name = 'MediaUnavailable'
    this.refusesKeys = refusesKeys
  }
}

/** What NEDA does in rooms. Each may be repeated, and rejects with MediaUnavailable alone. */
export interface Rooms {
  /** Whose stay in the room it was; null: nobody of this identity was found there. */
  permit(room: string, identity: string, permission: Permission): Promise<string | null>
  /** Puts somebody out of the room. False: it was not found there. */
  remove(room: string, identity: string): Promise<boolean>
  /** Puts everybody out. That there is no room is fine. */
  close(room: string): Promise<void>
  /** The names of all rooms. */
  list(): Promise<string[]>
  /** Who is in the room; nobody, if there is no room. */
  participants(room: string): Promise<RoomParticipant[]>
}

/** Something happened in a room. Nothing follows from it but that it is worth a look. */
export interface MediaEvent {
  readonly kind: 'JOINED' | 'PUBLISHED' | 'LEFT'
  readonly room: string
  readonly identity: string
  readonly stay: string
}

/** What who reports an event is answered: 503 asks for the same report again, 401 says that it is not signed with our key. */
type WebhookStatus = 200 | 401 | 503

/** A report of the media server, verified and handed on. */
export type Webhook = (body: string, authorization: string | undefined) => Promise<WebhookStatus>

/** The server that carries the voice. NEDA decides who may be heard there; the audio never passes NEDA. */
export interface MediaServer {
  readonly name: string
  /** What devices connect to. */
  readonly url: string
  /** Null: there is no server, tokens are for `livekit-server --dev`. */
  readonly rooms: Rooms | null
  mintToken(claims: MediaTokenClaims): Promise<string>
}
