/** A device as this bench uses it, whatever client it runs on. Times are those of its kind's clock. */
export interface VoiceDevice extends AsyncDisposable {
  /** In the room. */
  readonly identity: string
  connect(url: string, token: string): Promise<void>
  /** The button goes down: it publishes when it is permitted. */
  hold(): Promise<void>
  /** The button goes up. Until then it goes on publishing, unless its client obeys the server. */
  letGo(): Promise<void>
  /** Makes a pause in its tone, and answers when it sounds again. */
  pause(silentMs: number): Promise<number>
  permittedSince(since: number): number | null
  firstHeardSince(identity: string, since: number): number | null
  /** Of who began to be audible since then. */
  lastHeardSince(identity: string, since: number): number | null
}

export interface DeviceKind extends AsyncDisposable {
  readonly name: string
  /** What a burst is to take from the press until it is heard, at most, in 95 of 100; null: that is for the ratio to say. */
  readonly audibleWithinMs: number | null
  now(): number
  open(): Promise<VoiceDevice>
}
