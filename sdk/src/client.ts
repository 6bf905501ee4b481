import { Backoff } from './backoff.ts'
import { sleep } from './clock.ts'
import { type Environment, surroundings } from './environment.ts'
import { asNedaError, closed, NedaError, needsToken } from './errors.ts'
import { Events } from './events.ts'
import { LoginDocument, type LoginInput, LogoutDocument, MeDocument, RefreshSessionDocument } from './generated/operations.ts'
import { type Answer, clockAheadMs, type Operation, post, readAnswer, refusalIn } from './http.ts'
import { type PairingCode, type PairingDeps, pairDevice } from './pairing.ts'
import { type Observer, Subscription } from './subscription.ts'
import { talkPort } from './talk/talk-port.ts'
import { TalkSession } from './talk/talk-session.ts'
import { type Refreshed, TokenKeeper } from './token-keeper.ts'
import { memoryTokenStore, type TokenStore, type Tokens, type TokensAnswer, tokensOf } from './tokens.ts'
import type { TransportName } from './transports/transport.ts'
import { Transports } from './transports/transports.ts'
import type { TypedDocument } from './typed-document.ts'

export interface NedaClientOptions {
  /** Where NEDA is, such as https://neda.example.org; `/graphql` is added. */
  readonly url: string
  /** How to watch: by what there is, if absent. Everything else is asked by POST. */
  readonly transport?: TransportName | 'auto'
  readonly tokens?: TokenStore
  /** What the device has of its own, for tests and for shells without these. */
  readonly environment?: Partial<Environment>
}

export interface ExecuteOptions {
  readonly signal?: AbortSignal
  /** How long an answer may take: 10 s if absent. */
  readonly timeoutMs?: number
}

const ANSWER_WITHIN_MS = 10_000
const ACCEPT = 'application/graphql-response+json, application/json;q=0.9'
const READ_AGAIN = 2

/** One signed-in device. */
export class NedaClient {
  readonly #url: string
  readonly #environment: Environment
  readonly #keeper: TokenKeeper
  readonly #transports: Transports
  readonly #backoff: Backoff
  readonly #subscriptions = new Set<Pick<Subscription<unknown>, 'close'>>()
  readonly #sessions = new Set<TalkSession>()
  #isClosed = false

  constructor({ url, transport = 'auto', tokens = memoryTokenStore(), environment = {} }: NedaClientOptions) {
    this.#url = `${url.replace(/\/$/, '')}/graphql`
    this.#environment = surroundings(environment)
    this.#backoff = new Backoff(this.#environment)
    this.#keeper = new TokenKeeper({ environment: this.#environment, store: tokens, refresh: (token) => this.#refresh(token) })
    const sessions = this.#sessions
    const liveness = {
      get isJoined() {
        return sessions.size > 0
      },
    }
    const isReachable = () => this.#isReachable()
    this.#transports = new Transports({ environment: this.#environment, url: this.#url, liveness, wanted: transport, isReachable })
    this.#keeper.onChange((tokens, why) => {
      if (tokens) this.#transports.current.renew(tokens.accessToken)
      if (why) this.#end(why)
    })
  }

  /** Signs this device in. Rejects with INVALID_CREDENTIALS, TOTP_REQUIRED and the like. */
  async signIn(input: LoginInput): Promise<Tokens> {
    const { answer, aheadMs } = await this.#post({ query: LoginDocument, variables: { input } }, null)
    return this.#signedIn(dataOf<{ login: TokensAnswer }>(answer).login, aheadMs)
  }

  /** Signs a device without a keyboard in: shows a code, and resolves once somebody has approved it. */
  pair(deviceName: string, show: (code: PairingCode) => void, signal?: AbortSignal): Promise<Tokens> {
    const deps: PairingDeps = {
      clock: this.#environment.clock,
      ask: async (document, variables) => dataOf((await this.#post({ query: document, variables }, null)).answer),
      signedIn: (answer) => this.#signedIn(answer, 0),
    }
    return pairDevice(deps, deviceName, show, signal)
  }

  /** Null: nobody is signed in, or was when the app ended the last time. */
  tokens(): Promise<Tokens | null> {
    return this.#keeper.current()
  }

  /** Told when somebody signs in or out, tokens are renewed, or the server ends the session: then with the reason. */
  onTokens(listener: (tokens: Tokens | null, why: NedaError | null) => void): () => void {
    return this.#keeper.onChange(listener)
  }

  /** The device forgets its tokens, whether or not the server can be told. */
  async signOut(): Promise<void> {
    if (await this.#keeper.current()) await this.execute(LogoutDocument, {}, { timeoutMs: 3_000 }).catch(() => undefined)
    await this.#keeper.clear(new NedaError('This device has signed out.', { code: 'SESSION_REVOKED' }))
  }

  /**
   * What an operation answers. Rejects with a NedaError if there is none; expected refusals of a mutation are in its payload. An access token
   * that has ended is replaced on the way. Queries are asked again when the answer is lost, mutations are not.
   */
  async execute<Result, Variables>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    options: ExecuteOptions = {},
  ): Promise<Result> {
    const operation = { query: document, variables }
    for (let attempt = 0; ; attempt++) {
      try {
        return dataOf<Result>(await this.ask(operation, options))
      } catch (thrown) {
        const error = asNedaError(thrown)
        const isRepeatable = document.startsWith('query') && error.code === 'NETWORK'
        if (!isRepeatable || attempt === READ_AGAIN || options.signal?.aborted) throw error
        await sleep(this.#environment.clock, Math.max(error.retryAfterMs ?? 0, this.#environment.random() * 1_000), options.signal)
      }
    }
  }

  /** Events as they happen, through every loss of the network. Ends when the client is closed; throws when it cannot go on. */
  subscribe<Result, Variables extends object>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
  ): AsyncIterableIterator<Result> {
    return new Events<Result>((observer) => this.observe(document, variables, observer))
  }

  /** The same by calls. The result stops it. */
  observe<Result, Variables extends object>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    observer: Observer<Result>,
  ): () => void {
    const deps = { transports: this.#transports, keeper: this.#keeper, backoff: this.#backoff }
    const values = variables as Readonly<Record<string, unknown>>
    const forget = () => this.#subscriptions.delete(subscription)
    const subscription = new Subscription<Result>(deps, document, values, {
      ...observer,
      next: (result) => observer.next(result),
      live: (isLive) => observer.live?.(isLive),
      ended: (error) => {
        forget()
        this.#heardOf(error)
        observer.ended(error)
      },
    })
    if (this.#isClosed) throw closed()
    this.#subscriptions.add(subscription)
    void subscription.run()
    return () => {
      forget()
      subscription.stop()
    }
  }

  /** This device's radio in one group: joins it at once. */
  talk(groupId: string): TalkSession {
    if (this.#isClosed) throw closed()
    const port = talkPort({ client: this, socket: () => this.#transports.openSocket, environment: this.#environment, groupId })
    const session: TalkSession = new TalkSession({
      port,
      environment: this.#environment,
      userId: async () => (await this.#keeper.current())?.userId ?? null,
      onClose: () => this.#sessions.delete(session),
    })
    this.#sessions.add(session)
    session.start()
    return session
  }

  /** To be called when the app comes back to the front, or the network does: looks at once whether everything is still as it was. */
  wake(): void {
    for (const session of this.#sessions) session.wake()
    this.#transports.current.check()
    this.#backoff.wake()
  }

  /** Leaves all groups and ends everything that is open. The device stays signed in. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await Promise.all([...this.#sessions].map((session) => session.close()))
    this.#end(closed())
    this.#keeper.close()
  }

  /** The answer to an operation of whoever is signed in, with its errors. */
  async ask(operation: Operation, options: ExecuteOptions = {}): Promise<Answer> {
    const accessToken = await this.#keeper.get()
    const { answer } = await this.#post(operation, accessToken, options).catch((error: NedaError) => {
      if (needsToken(error)) return { answer: { errors: [{ message: error.message, extensions: { code: error.code } }] } }
      throw error
    })
    const refusal = refusalIn(answer)
    if (refusal) this.#heardOf(refusal)
    if (!refusal || !needsToken(refusal)) return answer
    const next = await this.#keeper.refused(accessToken)
    return (await this.#post(operation, next, options)).answer
  }

  async #post(operation: Operation, accessToken: string | null, { signal, timeoutMs = ANSWER_WITHIN_MS }: ExecuteOptions = {}) {
    const { clock } = this.#environment
    const abort = new AbortController()
    const giveUp = () => abort.abort()
    signal?.addEventListener('abort', giveUp)
    if (signal?.aborted) giveUp()
    const cancel = clock.after(timeoutMs, giveUp)
    try {
      const response = await post(this.#environment, this.#url, operation, { accept: ACCEPT, accessToken, signal: abort.signal })
      return { answer: await readAnswer(response), aheadMs: clockAheadMs(response, clock.wall()) }
    } finally {
      cancel()
      signal?.removeEventListener('abort', giveUp)
    }
  }

  async #refresh(refreshToken: string): Promise<Refreshed> {
    const { answer, aheadMs } = await this.#post({ query: RefreshSessionDocument, variables: { input: { refreshToken } } }, null)
    const tokens = tokensOf(dataOf<{ refreshSession: TokensAnswer }>(answer).refreshSession)
    if (!tokens) throw new NedaError('There are no tokens in the answer.', { code: 'INTERNAL_SERVER_ERROR' })
    return { tokens, clockAheadMs: aheadMs }
  }

  async #signedIn(answer: TokensAnswer, aheadMs: number): Promise<Tokens> {
    const tokens = tokensOf(answer)
    if (!tokens) throw new NedaError('There are no tokens in the answer.', { code: 'INVALID_CREDENTIALS' })
    await this.#keeper.set(tokens, aheadMs)
    return tokens
  }

  /** Whatever NEDA answers, it is there. What stands before it answers 502 and the like for it. */
  async #isReachable(): Promise<boolean> {
    try {
      await this.#post({ query: MeDocument, variables: {} }, null)
      return true
    } catch {
      // No answer of GraphQL.
      return false
    }
  }

  /** Signed out elsewhere: the tokens open nothing any more. */
  #heardOf(error: NedaError) {
    if (error.code === 'SESSION_REVOKED') void this.#keeper.clear(error)
  }

  #end(why: NedaError) {
    for (const session of this.#sessions) session.end(why)
    for (const subscription of this.#subscriptions) subscription.close(why)
    this.#transports.close()
    this.#backoff.wake()
  }
}

function dataOf<Result>(answer: Answer): Result {
  const refusal = refusalIn(answer)
  if (refusal) throw refusal
  return answer.data as Result
}
