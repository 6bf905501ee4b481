import {
  PresenceDocument,
  type PresenceSubscription,
  SpeakerChangedDocument,
  type SpeakerChangedSubscription,
} from '../generated/operations.ts'
import { Client, type Socket, type Subscription } from '../support/client.ts'
import { type FloorEvent, judge } from './story.ts'
import { until } from './until.ts'

export type PresenceEvent = PresenceSubscription['presence']

const FOR_EVER_MS = 600_000

interface Position {
  readonly epoch: string
  readonly sequence: number
}

/** What a reader heard, in order, and how it ended. */
class Watch<Result, Event extends { readonly kind: string; readonly cursor: string }> implements AsyncDisposable {
  readonly #stream: Subscription<Result>
  readonly #eventOf: (result: Result) => Event
  readonly #events: Event[] = []
  #read = 0
  #looked = 0
  #over = false
  #hasEnded = false

  constructor(stream: Subscription<Result>, eventOf: (result: Result) => Event) {
    this.#stream = stream
    this.#eventOf = eventOf
    void stream.received.ended(FOR_EVER_MS).then(
      () => (this.#hasEnded = true),
      () => undefined, // it has not ended, and nobody waits for it any more
    )
  }

  /** All events so far. */
  get events(): readonly Event[] {
    const { items } = this.#stream.received
    for (; this.#read < items.length; this.#read++) {
      const data = items[this.#read]?.data
      if (data) this.#events.push(this.#eventOf(data))
    }
    return this.#events
  }

  /** The code with which the server ended it. */
  get endCode(): string | undefined {
    return this.#stream.received.items.at(-1)?.errors?.[0]?.extensions?.code
  }

  get last(): Event | undefined {
    return this.events.at(-1)
  }

  /** The next event that is meant, past others; later calls look behind it. */
  async next(meant: string | ((event: Event) => boolean), withinMs = 5_000): Promise<Event> {
    const isMeant = typeof meant === 'string' ? ({ kind }: Event) => kind === meant : meant
    let found: Event | undefined
    const look = () => {
      const { events } = this
      for (; this.#looked < events.length && !found; this.#looked++) {
        const event = events[this.#looked]
        if (event && isMeant(event)) found = event
      }
      return found !== undefined
    }
    const kinds = () => this.events.map(({ kind }) => kind).join(' ')
    await until(`an event ${meant.toString()}`, look, withinMs).catch((error: Error) => {
      throw new Error(`${error.message}; there were ${kinds()}; ${this.endCode ?? 'not ended'}`)
    })
    if (!found) throw new Error('there is no event')
    return found
  }

  /** Waits for the server to end it, and answers why. */
  async ended(withinMs = 5_000): Promise<string | undefined> {
    await until('the end of a stream', () => this.#hasEnded, withinMs)
    return this.endCode
  }

  get isOver(): boolean {
    return this.#over
  }

  async [Symbol.asyncDispose]() {
    this.#over = true
    await this.#stream[Symbol.asyncDispose]()
  }
}

export class FloorWatch extends Watch<SpeakerChangedSubscription, FloorEvent> {
  readonly groupId: string
  readonly #after: Position | undefined

  constructor(stream: Subscription<SpeakerChangedSubscription>, groupId: string, after?: Position) {
    super(stream, ({ speakerChanged }) => speakerChanged)
    this.groupId = groupId
    this.#after = after
  }

  judge(): void {
    judge(this.events, this.#after)
  }
}

export class PresenceWatch extends Watch<PresenceSubscription, PresenceEvent> {
  constructor(stream: Subscription<PresenceSubscription>) {
    super(stream, ({ presence }) => presence)
  }

  /** Who is present as told up to now: user id and number of devices. */
  get present(): Record<string, number> {
    const people = new Map<string, number>()
    for (const { kind, everyone, member } of this.events) {
      if (kind === 'SNAPSHOT') people.clear()
      for (const { user, devices } of kind === 'SNAPSHOT' ? (everyone ?? []) : member ? [member] : []) people.set(user.id, devices)
      if (kind === 'LEFT' && member) people.delete(member.user.id)
    }
    return Object.fromEntries(people)
  }

  /** The events of one person. */
  kindsOf(userId: string): string[] {
    return this.events.flatMap(({ kind, member }) => (member?.user.id === userId ? [kind] : []))
  }
}

interface Resume {
  readonly cursor: string
  readonly floor: Position
}

/** Over a socket of the device, or over SSE. Resolves with the SNAPSHOT: from then on nothing is missed. */
export async function watchFloor(over: Client | Socket, groupId: string, after?: Resume): Promise<FloorWatch> {
  const variables = { groupId, after: after?.cursor ?? null }
  const stream =
    over instanceof Client ? await over.subscribeSse(SpeakerChangedDocument, variables) : over.subscribe(SpeakerChangedDocument, variables)
  const watch = new FloorWatch(stream, groupId, after?.floor)
  await watch.next('SNAPSHOT')
  return watch
}

export async function watchPresence(over: Client | Socket, groupId: string, after?: { cursor: string }): Promise<PresenceWatch> {
  const variables = { groupId, after: after?.cursor ?? null }
  const stream = over instanceof Client ? await over.subscribeSse(PresenceDocument, variables) : over.subscribe(PresenceDocument, variables)
  const watch = new PresenceWatch(stream)
  await watch.next('SNAPSHOT')
  return watch
}
