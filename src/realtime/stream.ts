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
  stream.onEnd(await log.subscribe(groupId, (event) => stream.hear(event)))
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

export class Stream<Event extends Position & { readonly kind: string }, Snapshot extends Position> extends Feed<
  Event | SnapshotItem<Snapshot>
> {
  readonly #read: () => Promise<{ snapshot: Snapshot }>
  /** What has been told up to here; events before it are repeats. */
  #position: Position | null = null
  /** Events that came while no snapshot was there to put them behind: at the start, and after an overflow. */
  #held: Event[] = []
  #state: 'STARTING' | 'LIVE' | 'OVERFLOWN' = 'STARTING'

  constructor(read: () => Promise<{ snapshot: Snapshot }>) {
    super()
    this.#read = read
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

  override async next() {
    if (this.#state === 'OVERFLOWN' && this.items.length === 0) {
      const { snapshot } = await this.#read()
      if (this.#state === 'OVERFLOWN') this.#resume(snapshot, true)
    }
    return super.next()
  }

  #resume(snapshot: Snapshot, gap: boolean) {
    const held = this.#held
    this.#held = []
    this.#position = snapshot
    this.#state = 'LIVE'
    this.push({ kind: 'SNAPSHOT', snapshot, gap })
    for (const event of held) this.hear(event)
  }

  #accept(event: Event) {
    const told = this.#position
    if (told && event.epoch === told.epoch && event.sequence <= told.sequence) return
    if (this.items.length >= BUFFERED_ITEMS) {
      // The newest state is worth more than all the changes that led to it.
      this.items.length = 0
      this.#state = 'OVERFLOWN'
      this.#hold(event)
      return
    }
    this.#position = event
    this.push(event)
    // Nothing follows it, and everyone has heard it before the end.
    if (event.kind === 'CLOSED') this.end('GROUP_CLOSED')
  }

  #hold(event: Event) {
    this.#held.push(event)
    if (this.#held.length > BUFFERED_ITEMS) this.end('SLOW_CONSUMER')
  }
}
