/** So many readers are told before a press may be served in between. */
const SLICE = 100

interface Topic<Event> {
  readonly listeners: Set<(event: Event) => void>
  readonly waiting: Event[]
  /** One round at a time: a second one would tell some events twice and others never. */
  isTelling: boolean
}

/**
 * Tells every event of a topic to all who listen to it in this process: in order, and in slices, so that a press is never behind thousands
 * of sockets. A listener must not throw; should one do so, the others are told all the same.
 */
export class Hub<Event> {
  readonly #topics = new Map<string, Topic<Event>>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  subscribe(name: string, listener: (event: Event) => void): () => void {
    const topic = this.#topics.get(name) ?? { listeners: new Set(), waiting: [], isTelling: false }
    this.#topics.set(name, topic)
    topic.listeners.add(listener)
    return () => {
      topic.listeners.delete(listener)
      if (topic.listeners.size === 0 && this.#topics.get(name) === topic) this.#topics.delete(name)
    }
  }

  publish(name: string, event: Event): void {
    const topic = this.#topics.get(name)
    if (!topic) return
    topic.waiting.push(event)
    if (topic.isTelling) return
    topic.isTelling = true
    setImmediate(() => this.#tell(topic, topic.listeners.values()))
  }

  /** Tells a slice: what is left of the listeners hears the first event that waits, then all of them the next. */
  #tell(topic: Topic<Event>, listeners: IterableIterator<(event: Event) => void>): void {
    let rest = listeners
    for (let told = 0; told < SLICE; told++) {
      const [event] = topic.waiting
      if (event === undefined) {
        topic.isTelling = false
        return
      }
      const next = rest.next()
      if (next.done) {
        topic.waiting.shift()
        rest = topic.listeners.values()
      } else this.#tellOne(next.value, event)
    }
    setImmediate(() => this.#tell(topic, rest))
  }

  #tellOne(listener: (event: Event) => void, event: Event) {
    try {
      listener(event)
    } catch (error) {
      this.#onError(error)
    }
  }
}
