import type { GroupId, SessionId } from '../ids.ts'
import type { EventLog, RealtimeEngine } from './engine.ts'
import type { FloorMessage, Position } from './events.ts'
import { BUFFERED_ITEMS, Feed } from './feed.ts'

/** The state at once: what a stream carries before anything live, and again where events were lost. */
export interface SnapshotItem<Snapshot> {
  readonly kind: 'SNAPSHOT'
  readonly snapshot: Snapshot
  /** True when something happened that this stream can't tell any more. */
  readonly gap: boolean
}

/**
 * Everything after `after` in order, then one snapshot, then every change as it happens: subscribe first, then read, then drop what the
 * reading already told.
 */
export async function openStream<Event extends Position & { readonly kind: string }, Snapshot extends Position>(
  log: EventLog<Event, Snapshot>,
  groupId: GroupId,
  after?: Position,
): Promise<Stream<Event, Snapshot>> {
  const stream = new Stream<Event, Snapshot>(() => log.read(groupId))
  const [hear, lose] = [(event: Event) => stream.hear(event), (snapshot: Snapshot) => stream.lose(snapshot)]
  stream.onEnd(await log.subscribe(groupId, hear, lose))
  try {
    stream.start(await log.read(groupId, after))
  } catch (error) {
    await stream.return()
    throw error
  }
  return stream
}

/** What is said to one device. There is no snapshot of it: who does not listen asks again with its requestId. */
export async function openMessages(engine: RealtimeEngine, groupId: GroupId, sessionId: SessionId): Promise<Feed<FloorMessage>> {
  const feed = new Messages()
  feed.onEnd(await engine.messages(groupId, sessionId, (message) => feed.hear(message)))
  return feed
}

class Messages extends Feed<FloorMessage> {
  hear(message: FloorMessage): void {
    if (this.items.length >= BUFFERED_ITEMS) this.end('SLOW_CONSUMER')
    else this.push(message)
  }
}

/** The log can't be read now: it is tried again after this. */
const RETRY_MS = 250

/** What a log says where it lost events for good. */
interface Lost<Snapshot> {
  readonly lost: Snapshot
}

export class Stream<Event extends Position & { readonly kind: string }, Snapshot extends Position> extends Feed<
  Event | SnapshotItem<Snapshot>
> {
  readonly #read: () => Promise<{ snapshot: Snapshot }>
  /** What has been told up to here; events before it are repeats. */
  #position: Position | null = null
  /** What came while no snapshot was there to put it behind: at the start, and while this stream is behind. */
  #held: (Event | Lost<Snapshot>)[] = []
  #state: 'STARTING' | 'LIVE' | 'BEHIND' = 'STARTING'
  #isReading = false
  #retry: NodeJS.Timeout | undefined

  constructor(read: () => Promise<{ snapshot: Snapshot }>) {
    super()
    this.#read = read
    this.onEnd(() => clearTimeout(this.#retry))
  }

  start({ missed, snapshot, gap }: { missed: readonly Event[]; snapshot: Snapshot; gap: boolean }): void {
    this.push(...missed)
    this.#resume(snapshot, gap)
  }

  hear(event: Event): void {
    if (this.hasEnded) return
    if (this.#state === 'LIVE') this.#accept(event)
    else this.#hold(event)
  }

  /** The log lost events for good; this is how things stand after them. */
  lose(snapshot: Snapshot): void {
    if (this.hasEnded) return
    if (this.#state !== 'LIVE') {
      // It stands for all that came before it.
      this.#held = [{ lost: snapshot }]
    } else if (this.#isTold(snapshot)) {
      // Either this stream read more by itself already, or the log went back: only the log can say.
      if (snapshot.sequence === this.#position?.sequence) return
      this.#state = 'BEHIND'
      void this.#readAnew()
    } else this.#replace(snapshot)
  }

  override async next() {
    if (this.#state === 'BEHIND' && this.items.length === 0) void this.#readAnew()
    return super.next()
  }

  /** Nobody waits for it: while the log can't be read, its reader waits as for any event, and the stream can end. */
  async #readAnew() {
    if (this.#isReading || this.hasEnded) return
    this.#isReading = true
    try {
      const { snapshot } = await this.#read()
      this.#isReading = false
      if (!this.hasEnded) this.#resume(snapshot, true)
    } catch {
      // The engine is away, and has said so. What comes meanwhile is held, as behind any slow reader.
      this.#isReading = false
      if (!this.hasEnded) this.#retry = setTimeout(() => void this.#readAnew(), RETRY_MS)
    }
  }

  #resume(snapshot: Snapshot, gap: boolean) {
    const held = this.#held
    this.#held = []
    this.#state = 'LIVE'
    this.#tellSnapshot(snapshot, gap)
    for (const one of held) {
      if (!('lost' in one)) this.hear(one)
      else if (!this.#isTold(one.lost)) this.lose(one.lost)
    }
  }

  #tellSnapshot(snapshot: Snapshot, gap: boolean) {
    this.#position = snapshot
    this.push({ kind: 'SNAPSHOT', snapshot, gap })
    if ('state' in snapshot && snapshot.state === 'CLOSED') this.end('GROUP_CLOSED')
  }

  #accept(event: Event) {
    // Of another epoch is only what was told before this stream read that it is over: a log says that it lost events before it tells of a new one.
    if (event.epoch !== this.#position?.epoch || this.#isTold(event)) return
    if (this.items.length >= BUFFERED_ITEMS) {
      // The newest state is worth more than all the changes that led to it.
      this.items.length = 0
      this.#state = 'BEHIND'
      this.#hold(event)
      return
    }
    this.#position = event
    this.push(event)
    // Nothing follows it, and everyone has heard it before the end.
    if (event.kind === 'CLOSED') this.end('GROUP_CLOSED')
  }

  #replace(snapshot: Snapshot) {
    if (this.items.length >= BUFFERED_ITEMS) this.items.length = 0
    this.#tellSnapshot(snapshot, true)
  }

  #isTold({ epoch, sequence }: Position): boolean {
    return epoch === this.#position?.epoch && sequence <= this.#position.sequence
  }

  #hold(event: Event) {
    this.#held.push(event)
    if (this.#held.length > BUFFERED_ITEMS) this.end('SLOW_CONSUMER')
  }
}
