/** So many readers are told before a press may be served in between. */
const SLICE = 100

interface Topic<Event> {
  readonly listeners: Set<(event: Event) => void>
  readonly waiting: Event[]
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
    const topic = this.#topics.get(name) ?? { listeners: new Set(), waiting: [] }
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
    if (topic.waiting.length === 1) setImmediate(() => this.#tell(topic, topic.listeners.values()))
  }

  #tell(topic: Topic<Event>, rest: IterableIterator<(event: Event) => void>): void {
    const [event] = topic.waiting
    if (event === undefined) return
    for (let told = 0; told < SLICE; told++) {
      const next = rest.next()
      if (next.done) {
        topic.waiting.shift()
        if (topic.waiting.length > 0) setImmediate(() => this.#tell(topic, topic.listeners.values()))
        return
      }
      try {
        next.value(event)
      } catch (error) {
        this.#onError(error)
      }
    }
    setImmediate(() => this.#tell(topic, rest))
  }
}
