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

/** The server that carries the voice. NEDA hands out tokens for it; the audio never passes NEDA. */
export interface MediaServer {
  readonly name: string
  /** NONE: there is no server, tokens are for `livekit-server --dev`. JOIN_REQUIRED: connect with the token. */
  readonly state: 'NONE' | 'JOIN_REQUIRED'
  /** What devices connect to. */
  readonly url: string
  mintToken(claims: MediaTokenClaims): Promise<string>
}
