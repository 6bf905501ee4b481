/** Tells what happens, at once, to all who listen in this process. A listener must not throw; should one do so, the others are told all the same. */
export class Topic<Event> {
  readonly #listeners = new Set<(event: Event) => void>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  subscribe(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  publish(events: readonly Event[]): void {
    for (const event of events) for (const listener of this.#listeners) this.#tell(listener, event)
  }

  #tell(listener: (event: Event) => void, event: Event) {
    try {
      listener(event)
    } catch (error) {
      this.#onError(error)
    }
  }
}
