import type { Backoff } from './backoff.ts'
import { asNedaError, closed, fromGraphQL, lost, type NedaError, needsToken } from './errors.ts'
import type { Answer } from './http.ts'
import type { TokenKeeper } from './token-keeper.ts'
import type { Sink, Transport } from './transports/transport.ts'
import type { Transports } from './transports/transports.ts'

export interface Observer<Result> {
  next(result: Result): void
  /** True: what comes from here on comes as it happens. False: it is away, and being brought back. */
  live?(isLive: boolean): void
  /** Told once, unless it was stopped: it cannot go on. Null: the client was closed. */
  ended(error: NedaError): void
}

export interface SubscriptionDeps {
  readonly transports: Transports
  readonly keeper: TokenKeeper
  readonly backoff: Backoff
}

/** The one field of an event; those of floor and presence say where they stand. */
interface Root {
  readonly kind?: string
  readonly gap?: boolean
  readonly cursor?: string
}

/** How one opening ended: with what the server said last, if it did. */
interface Ending {
  readonly error: NedaError | null
  readonly wasOpen: boolean
}

/**
 * A subscription that outlives its connections. It keeps the cursor of the last event and goes on behind it, so that nothing is told twice and
 * nothing is missed; where the server has forgotten what happened meanwhile, the app gets its SNAPSHOT with `gap: true`.
 */
export class Subscription<Result> {
  readonly #deps: SubscriptionDeps
  readonly #query: string
  readonly #variables: Readonly<Record<string, unknown>>
  readonly #observer: Observer<Result>
  readonly #resumes: boolean
  #after: string | undefined
  #isStopped = false
  #isLive = false
  /** A new token, and nothing has come with it yet. */
  #isRefreshed = false
  #stopStream = () => {}
  #letGo = () => {}

  constructor(deps: SubscriptionDeps, query: string, variables: Readonly<Record<string, unknown>>, observer: Observer<Result>) {
    this.#deps = deps
    this.#query = query
    this.#variables = variables
    this.#observer = observer
    this.#resumes = /\$after\s*:\s*EventCursor/.test(query)
  }

  async run(): Promise<void> {
    this.#letGo = this.#deps.keeper.hold()
    try {
      while (!this.#isStopped) await this.#openOnce()
    } catch (thrown) {
      this.#finish(asNedaError(thrown))
    }
  }

  /** Nothing is told any more. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#stopStream()
    this.#letGo()
  }

  /** The client ends it. */
  close(error = closed()): void {
    this.#finish(error)
  }

  #finish(error: NedaError) {
    if (this.#isStopped) return
    this.stop()
    this.#setLive(false)
    this.#observer.ended(error)
  }

  /** Throws what cannot be helped by trying again. */
  async #openOnce(): Promise<void> {
    const { keeper, transports, backoff } = this.#deps
    const transport = transports.current
    let accessToken: string | null = null
    let ending: Ending
    try {
      accessToken = await keeper.get()
      if (this.#isStopped) return
      ending = await this.#stream(transport, accessToken)
    } catch (thrown) {
      ending = { error: asNedaError(thrown), wasOpen: true }
    }
    if (this.#isStopped) return
    this.#setLive(false)
    const error = ending.error ?? lost('The server has ended the stream.')
    if (accessToken !== null && needsToken(error)) {
      // With the next token at once: nothing was wrong but the time.
      if ((await this.#refresh(accessToken)) && !this.#isRefreshed) {
        this.#isRefreshed = true
        return
      }
    } else if (!error.retryable) throw error
    else if (!ending.wasOpen) await transports.failed(transport)
    if (!this.#isStopped) await backoff.wait(error.retryAfterMs)
  }

  /** Whether there is another token. Without an answer about it, it is tried again as without any other. */
  async #refresh(accessToken: string): Promise<boolean> {
    try {
      await this.#deps.keeper.refused(accessToken)
      return true
    } catch (thrown) {
      const error = asNedaError(thrown)
      if (!error.retryable) throw error
      return false
    }
  }

  #stream(transport: Transport, accessToken: string): Promise<Ending> {
    const { transports, backoff } = this.#deps
    return new Promise((resolve) => {
      let wasOpen = false
      const end = (error: NedaError | null) => {
        // Before it is stopped, which is an ending too.
        resolve({ error, wasOpen })
        this.#stopStream()
        this.#stopStream = () => {}
      }
      const sink: Sink = {
        opened: () => {
          wasOpen = true
          transports.worked()
          // One that resumes is live when it has caught up, as its SNAPSHOT says.
          if (!this.#resumes) this.#setLive(true)
        },
        next: (answer) => {
          const error = this.#take(answer)
          if (error) return end(error)
          backoff.worked()
          this.#isRefreshed = false
        },
        ended: end,
      }
      const variables = this.#after === undefined ? this.#variables : { ...this.#variables, after: this.#after }
      const stop = transport.open({ query: this.#query, variables, accessToken }, sink)
      this.#stopStream = () => {
        stop()
        resolve({ error: null, wasOpen })
      }
    })
  }

  /** An event that failed is asked for again, behind the last one that did not. */
  #take({ data, errors }: Answer): NedaError | null {
    const [error] = errors ?? []
    if (error) return fromGraphQL(error)
    if (!data || this.#isStopped) return null
    const root = Object.values(data)[0] as Root | null
    const isSnapshot = root?.kind === 'SNAPSHOT'
    // Where we were already: it says only that nothing is missing.
    const isOldNews = isSnapshot && root.gap !== true && root.cursor !== undefined && root.cursor === this.#after
    if (this.#resumes && root?.cursor !== undefined) this.#after = root.cursor
    if (!isOldNews) this.#observer.next(data as Result)
    if (isSnapshot) this.#setLive(true)
    return null
  }

  #setLive(isLive: boolean) {
    if (this.#isLive === isLive) return
    this.#isLive = isLive
    this.#observer.live?.(isLive)
  }
}
