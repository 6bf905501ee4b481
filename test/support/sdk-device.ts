import { setTimeout as sleep } from 'node:timers/promises'
import { NedaClient, type NedaClientOptions, type TalkSession, type TalkSessionState } from '../../sdk/src/index.ts'
import { PASSWORD } from './people.ts'

interface SdkDeviceOptions extends Omit<NedaClientOptions, 'url'> {
  readonly password?: string
}

/** A device of somebody on the SDK, signed in: for stories of what a device does, and not of how it is answered. */
export async function sdkDevice(url: string, username: string, options: SdkDeviceOptions = {}): Promise<NedaClient & AsyncDisposable> {
  const { password = PASSWORD, ...rest } = options
  const neda = new NedaClient({ url, ...rest })
  await neda.signIn({ username, password })
  return Object.assign(neda, { [Symbol.asyncDispose]: () => neda.close() })
}

/** A press that must be granted; answers the burst. */
export async function granted(radio: TalkSession) {
  const talk = await radio.press()
  if (talk.phase !== 'TALKING') throw new Error(`not granted: ${JSON.stringify(talk)}`)
  return talk.burst
}

/** Waits until the radio is so. */
export async function untilRadio(
  radio: TalkSession,
  isSo: (state: TalkSessionState) => boolean,
  withinMs = 20_000,
): Promise<TalkSessionState> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline; await sleep(10))
    if (isSo(radio.state)) return radio.state
  throw new Error(`it never was so: ${JSON.stringify(radio.state)}`)
}
