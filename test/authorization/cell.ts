import type { Answer } from '../support/client.ts'
import { ask, type Data, type Transport } from './play.ts'
import type { Request } from './requests.ts'
import type { Kind, Objects, Stage } from './stage.ts'

/** One cell of a table over one transport. */
export interface Cell {
  readonly stage: Stage
  readonly kind: Kind
  readonly transport: Transport
  readonly request: Request
  readonly document: string
  /** What the table says. */
  readonly expected: string | undefined
  /** Asked for instead of what is there. */
  readonly objects?: Objects
}

export async function play({ stage, kind, transport, request, document, expected, objects = stage.objects }: Cell): Promise<Answer<Data>> {
  const by = request.throwAway ? await stage.throwAway(kind) : stage.device(kind)
  try {
    const asking = { by, objects, stage, succeeds: expected === 'OK' && objects === stage.objects }
    const variables = (await request.variables?.(asking)) ?? {}
    // A device that was signed out gets no socket with its token: what anyone may ask it asks without one.
    const isLetIn = transport !== 'WebSocket' || kind !== 'disabled' || expected === 'SESSION_REVOKED'
    const answer = await ask(transport, isLetIn ? by : stage.device('anonymous'), document, variables)
    await request.after?.(asking, variables, answer.data)
    return answer
  } finally {
    if (!stage.isKept(by)) await by.socket[Symbol.asyncDispose]()
  }
}
