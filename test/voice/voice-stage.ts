import { freePort } from '../../src/database/embedded/server.ts'
import type { Client } from '../support/client.ts'
import { createTeam, startWithAdmin } from '../support/people.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import { Handset } from './handset.ts'
import { type LiveKit, startLiveKit, webhookUrl } from './livekit-server.ts'
import { disposeRtc } from './rtc-device.ts'

/** A NEDA and a LiveKit that know each other. */
export interface VoiceStage extends AsyncDisposable {
  readonly url: string
  readonly admin: Client
  readonly liveKit: LiveKit
  /** The way of LiveKit's webhooks to NEDA. */
  readonly webhooks: TcpProxy
  /** Everything NEDA printed so far. */
  printed(): string
}

/** `env` is told of LiveKit, and answers what NEDA is told beside it or instead. */
export async function openVoiceStage(env: (liveKit: LiveKit) => Promise<Record<string, string>> = async () => ({})): Promise<VoiceStage> {
  await using stack = new AsyncDisposableStack()
  // Once for the process, after all devices: their native threads keep it alive.
  stack.defer(disposeRtc)
  // Chosen before either of them starts, since each is told of the other.
  const port = await freePort()
  const webhooks = stack.use(await tcpProxy(port))
  const liveKit = stack.use(await startLiveKit({ webhookUrl: webhookUrl(webhooks.port) }))
  // Presses are the means here, not what is tested: none is refused for coming too soon.
  const neda = stack.use(await startWithAdmin({ PORT: String(port), PRESS_RATE: '1000', ...liveKit.env, ...(await env(liveKit)) }))
  const owned = stack.move()
  return { url: neda.url, admin: neda.admin, liveKit, webhooks, printed: neda.printed, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** A new group, its manager Maya and the members Ben and Cleo, each in its room, as NEDA has heard. */
export async function openRoom({ admin }: Pick<VoiceStage, 'admin'>, settings: { talkLimitMs?: number } = {}) {
  await using stack = new AsyncDisposableStack()
  const team = await createTeam(admin, settings)
  const join = async (watch: Client) => stack.use(await Handset.join(watch, team.groupId))
  const [maya, ben, cleo] = [await join(team.mayasWatch), await join(team.bensWatch), await join(team.cleosWatch)]
  for (const handset of [maya, ben, cleo]) await handset.ready()
  const owned = stack.move()
  return { ...team, admin, mayas: maya, bens: ben, cleos: cleo, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
