import type { Position } from '../events.ts'
import { Hub } from '../hub.ts'
import { LogFeed, type ReadLog } from './log-feed.ts'

/** Numbered as it is told here: who joins hears what follows, not what still waits to be told to others. */
type Told<Event, Snapshot> = { readonly number: number } & ({ readonly event: Event } | { readonly lost: Snapshot })

/** One log of one group and those who listen to it in this process. */
export class ToldLog<Event extends Position, Snapshot extends Position> extends LogFeed<Event, Snapshot> {
  readonly #hub: Hub<Told<Event, Snapshot>>
  #listeners = 0
  #number = 0

  constructor(read: ReadLog<Event, Snapshot>, onError: (error: unknown) => void) {
    super({
      read,
      tell: (event) => this.#tell({ event }),
      lost: (lost) => this.#tell({ lost }),
      isHeard: () => this.#listeners > 0,
      onError,
    })
    this.#hub = new Hub(onError)
  }

  join(listener: (event: Event) => void, lost?: (snapshot: Snapshot) => void): () => void {
    const joinedAfter = this.#number
    const end = this.#hub.subscribe('', (told) => {
      if (told.number <= joinedAfter) return
      if ('event' in told) listener(told.event)
      else lost?.(told.lost)
    })
    this.#listeners += 1
    return () => {
      end()
      this.#listeners -= 1
    }
  }

  #tell(what: { readonly event: Event } | { readonly lost: Snapshot }) {
    this.#number += 1
    this.#hub.publish('', { number: this.#number, ...what })
  }
}
