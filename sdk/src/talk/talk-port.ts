import type { Environment } from '../environment.ts'
import {
  FloorMessageDocument,
  type FloorMessageSubscription,
  type FloorPriority,
  HeartbeatDocument,
  JoinGroupDocument,
  type JoinGroupMutation,
  LeaveGroupDocument,
  ReleaseTalkDocument,
  RenewTalkDocument,
  type RenewTalkMutation,
  RequestTalkDocument,
  type RequestTalkMutation,
  SpeakerChangedDocument,
  type SpeakerChangedSubscription,
} from '../generated/operations.ts'
import { type Answer, type Operation, refusalIn } from '../http.ts'
import type { Observer } from '../subscription.ts'
import type { TypedDocument } from '../typed-document.ts'

export interface AskOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Over the open socket, if there is one: no new connection, no new handshake. False: by POST, as a socket may be dead. */
  readonly fast?: boolean
}

interface FloorRequest {
  readonly requestId: string
  readonly queue: boolean
  readonly priority: FloorPriority | null
}

export interface RequestAnswer {
  readonly answer: RequestTalkMutation['requestTalk']
  /** Its lease hangs on this socket, until it is renewed another way. */
  readonly overSocket: boolean
}

/** What a radio in one group asks of the server. All reject with a NedaError. */
export interface TalkPort {
  /** An open socket keeps the device present by itself. */
  readonly hasSocket: boolean
  join(): Promise<JoinGroupMutation['joinGroup']>
  leave(): Promise<void>
  /** Whether the device is still present. */
  heartbeat(): Promise<boolean>
  request(request: FloorRequest, options: AskOptions): Promise<RequestAnswer>
  renew(burstId: string, options: AskOptions): Promise<RenewTalkMutation['renewTalk']>
  release(requestId: string, options: AskOptions): Promise<void>
  watch(observer: Observer<SpeakerChangedSubscription>): () => void
  hear(observer: Observer<FloorMessageSubscription>): () => void
}

/** What it needs of the client. */
interface Asker {
  ask(operation: Operation, options: { readonly timeoutMs: number; readonly signal?: AbortSignal }): Promise<Answer>
  observe<Result, Variables extends object>(
    document: TypedDocument<Result, Variables>,
    variables: Variables,
    observer: Observer<Result>,
  ): () => void
}

interface AskingSocket {
  ask(operation: Operation, signal: AbortSignal): Promise<Answer> | null
}

export interface TalkPortDeps {
  readonly client: Asker
  readonly socket: () => AskingSocket | null
  readonly environment: Environment
  readonly groupId: string
}

const JOIN_WITHIN_MS = 8_000
const HEARTBEAT_WITHIN_MS = 3_500

export function talkPort({ client, socket, environment, groupId }: TalkPortDeps): TalkPort {
  const ask = async <Result, Variables>(document: TypedDocument<Result, Variables>, variables: Variables, options: AskOptions) => {
    const { fast = false, ...rest } = options
    const operation = { query: document, variables }
    const asked = fast ? overSocket(operation, rest) : null
    const answer = await (asked ?? client.ask(operation, rest))
    const refusal = refusalIn(answer)
    if (refusal) throw refusal
    return { data: answer.data as Result, overSocket: asked !== null }
  }

  const overSocket = (operation: Operation, { timeoutMs, signal }: Omit<AskOptions, 'fast'>): Promise<Answer> | null => {
    const abort = new AbortController()
    const asked = socket()?.ask(operation, abort.signal) ?? null
    if (!asked) return null
    const giveUp = () => abort.abort()
    const cancel = environment.clock.after(timeoutMs, giveUp)
    signal?.addEventListener('abort', giveUp)
    return asked.finally(() => {
      cancel()
      signal?.removeEventListener('abort', giveUp)
    })
  }

  return {
    get hasSocket() {
      return socket() !== null
    },
    join: async () => (await ask(JoinGroupDocument, { input: { groupId } }, { timeoutMs: JOIN_WITHIN_MS, fast: true })).data.joinGroup,
    leave: async () => {
      await ask(LeaveGroupDocument, { input: { groupId } }, { timeoutMs: HEARTBEAT_WITHIN_MS })
    },
    heartbeat: async () => {
      const { data } = await ask(HeartbeatDocument, { input: { groupIds: [groupId] } }, { timeoutMs: HEARTBEAT_WITHIN_MS })
      return data.heartbeat.presentIn.length > 0
    },
    request: async (request, options) => {
      const { data, overSocket } = await ask(RequestTalkDocument, { input: { groupId, ...request } }, options)
      return { answer: data.requestTalk, overSocket }
    },
    renew: async (burstId, options) => (await ask(RenewTalkDocument, { input: { groupId, burstId } }, options)).data.renewTalk,
    release: async (requestId, options) => {
      await ask(ReleaseTalkDocument, { input: { groupId, requestId } }, options)
    },
    watch: (observer) => client.observe(SpeakerChangedDocument, { groupId }, observer),
    hear: (observer) => client.observe(FloorMessageDocument, { groupId }, observer),
  }
}
