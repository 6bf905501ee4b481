import { type Clock, sleep } from './clock.ts'
import { NedaError } from './errors.ts'
import { CompleteDevicePairingDocument, StartDevicePairingDocument, type StartDevicePairingMutation } from './generated/operations.ts'
import type { Tokens, TokensAnswer } from './tokens.ts'
import type { TypedDocument } from './typed-document.ts'

export interface PairingDeps {
  readonly clock: Clock
  /** Asks as nobody. */
  readonly ask: <Result, Variables>(document: TypedDocument<Result, Variables>, variables: Variables) => Promise<Result>
  readonly signedIn: (answer: TokensAnswer) => Promise<Tokens>
}

/** What a device without a keyboard shows: somebody who is signed in types the code at the address, and approves. */
export interface PairingCode {
  readonly userCode: string
  readonly verificationUri: string
  readonly expiresAt: string
}

/** Resolves once somebody has approved. Rejects with ACCESS_DENIED, or EXPIRED_TOKEN when nobody did: then begin again. */
export async function pairDevice(
  deps: PairingDeps,
  deviceName: string,
  show: (code: PairingCode) => void,
  signal?: AbortSignal,
): Promise<Tokens> {
  const { startDevicePairing } = await deps.ask(StartDevicePairingDocument, { input: { deviceName } })
  const { deviceCode, intervalMs: firstMs, ...code } = started(startDevicePairing)
  show(code)
  for (let intervalMs = firstMs; ; ) {
    await sleep(deps.clock, intervalMs, signal)
    if (signal?.aborted) throw new NedaError('The pairing was given up.', { code: 'CLOSED' })
    const status = await completed(deps, deviceCode, intervalMs)
    if ('tokens' in status) return status.tokens
    intervalMs = status.intervalMs
  }
}

function started({ deviceCode, userCode, verificationUri, expiresAt, intervalMs }: StartDevicePairingMutation['startDevicePairing']) {
  if (deviceCode === null || userCode === null || verificationUri === null || expiresAt === null || intervalMs === null)
    throw new NedaError('The pairing did not begin.', { code: 'INTERNAL_SERVER_ERROR' })
  return { deviceCode, userCode, verificationUri, expiresAt, intervalMs }
}

async function completed({ ask, signedIn }: PairingDeps, deviceCode: string, askedAfterMs: number) {
  try {
    const { completeDevicePairing } = await ask(CompleteDevicePairingDocument, { input: { deviceCode } })
    const { status, intervalMs, tokens } = completeDevicePairing
    if (tokens) return { tokens: await signedIn(tokens) }
    if (status === 'ACCESS_DENIED' || status === 'EXPIRED_TOKEN') throw new NedaError(`The pairing has ended: ${status}.`, { code: status })
    return { intervalMs: intervalMs ?? askedAfterMs }
  } catch (error) {
    if (error instanceof NedaError && error.retryable) return { intervalMs: Math.max(askedAfterMs, error.retryAfterMs ?? 0) }
    throw error
  }
}
