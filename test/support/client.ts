import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import { LoginDocument, type TypedDocumentString } from '../generated/operations.ts'
import { Received } from './received.ts'

interface GraphQLErrorBody {
  readonly message: string
  readonly path?: readonly (string | number)[]
  readonly extensions?: { readonly code?: string; readonly field?: readonly string[]; readonly retryable?: boolean }
}

export interface Answer<Result> {
  readonly data?: Result | null
  readonly errors?: readonly GraphQLErrorBody[]
}

/** An open subscription: what came, in order, and the end. */
export interface Subscription<Result> extends AsyncDisposable {
  readonly received: Received<Answer<Result>>
}

/** A client written from schema.graphql alone, over the transports that devices use. */
export class Client {
  readonly url: string
  readonly accessToken: string | null

  constructor(url: string, accessToken: string | null = null) {
    this.url = `${url}/graphql`
    this.accessToken = accessToken
  }

  get #authorization(): Record<string, string> {
    return this.accessToken === null ? {} : { authorization: `Bearer ${this.accessToken}` }
  }

  async ask<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<Answer<Result>> {
    return (await (await this.post({ query: document.toString(), variables })).json()) as Answer<Result>
  }

  /** What must succeed. What a database on a busy machine could not do in time is asked again, as every device does. */
  async get<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables, times = 3): Promise<Result> {
    const { data, errors } = await this.ask(document, variables)
    if (data && !errors) return data
    if (times === 1 || errors?.[0]?.extensions?.code !== 'SERVICE_UNAVAILABLE')
      throw new Error(`expected data, got ${JSON.stringify(errors)}`)
    await sleep(300)
    return this.get(document, variables, times - 1)
  }

  /** The code with which an operation is refused. */
  async refusal<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<string | undefined> {
    const { errors } = await this.ask(document, variables)
    return errors?.[0]?.extensions?.code
  }

  post(body: object, headers: Record<string, string> = {}, signal: AbortSignal | null = null): Promise<Response> {
    const sent = { 'content-type': 'application/json', accept: 'application/json', ...this.#authorization, ...headers }
    return fetch(this.url, { method: 'POST', headers: sent, body: JSON.stringify(body), signal })
  }

  async subscribeSse<Result, Variables>(
    document: TypedDocumentString<Result, Variables>,
    variables: Variables,
  ): Promise<Subscription<Result>> {
    const abort = new AbortController()
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...this.#authorization },
      body: JSON.stringify({ query: document.toString(), variables }),
      signal: abort.signal,
    })
    const received = new Received<Answer<Result>>()
    void readEvents(response, received).catch((error: unknown) => received.end(error))
    return {
      received,
      [Symbol.asyncDispose]: async () => abort.abort(),
    }
  }

  openSocket(): Socket {
    return new Socket(this.url, this.accessToken)
  }
}

/** One WebSocket of a device, over which it asks and watches. */
export class Socket implements AsyncDisposable {
  readonly #client: ReturnType<typeof createClient>
  readonly closed: Promise<{ code: number; reason: string }>
  #socket: WebSocket | undefined

  constructor(url: string, accessToken: string | null) {
    const { promise, resolve } = Promise.withResolvers<{ code: number; reason: string }>()
    this.closed = promise
    this.#client = createClient({
      url: url.replace('http', 'ws'),
      connectionParams: accessToken === null ? {} : { authorization: `Bearer ${accessToken}` },
      lazy: true,
      lazyCloseTimeout: 60_000,
      retryAttempts: 0,
      on: {
        opened: (socket) => {
          this.#socket = socket as WebSocket
        },
        closed: (event) => resolve(event as { code: number; reason: string }),
      },
    })
  }

  ask<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<Answer<Result>> {
    return new Promise((resolve, reject) => {
      let answer: Answer<Result> = {}
      this.#client.subscribe<Result>(
        { query: document.toString(), variables: variables as Record<string, unknown> },
        {
          next: (value) => (answer = value as Answer<Result>),
          error: (errors) => (Array.isArray(errors) ? resolve({ errors }) : reject(errors)),
          complete: () => resolve(answer),
        },
      )
    })
  }

  async get<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<Result> {
    const { data, errors } = await this.ask(document, variables)
    if (errors || !data) throw new Error(`expected data, got ${JSON.stringify(errors)}`)
    return data
  }

  subscribe<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Subscription<Result> {
    const received = new Received<Answer<Result>>()
    const stop = this.#client.subscribe<Result>(
      { query: document.toString(), variables: variables as Record<string, unknown> },
      {
        next: (value) => received.add(value as Answer<Result>),
        error: (errors) => {
          if (Array.isArray(errors)) received.add({ errors })
          received.end()
        },
        complete: () => received.end(),
      },
    )
    return { received, [Symbol.asyncDispose]: async () => stop() }
  }

  /** Ends the connection without a word, as a dead device does. */
  cut(): void {
    this.#client.terminate()
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  async [Symbol.asyncDispose]() {
    await this.#client.dispose()
  }
}

/** Signs a device in. */
export async function signIn(url: string, username: string, password: string, deviceName = 'test device'): Promise<Client> {
  const { login } = await new Client(url).get(LoginDocument, { input: { username, password, deviceName } })
  if (!login.accessToken) throw new Error('no access token')
  return new Client(url, login.accessToken)
}

/** Server-sent events as GraphQL over SSE writes them, in its distinct connections mode. */
async function readEvents<Result>(response: Response, received: Received<Answer<Result>>): Promise<void> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1]
      const data = /^data: ?(.*)$/m.exec(block)?.[1]
      if (event === 'next' && data) received.add(JSON.parse(data) as Answer<Result>)
      if (event === 'complete') return received.end()
    }
  }
  received.end()
}
