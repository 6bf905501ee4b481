import { NedaClient, SpeakerChangedDocument } from '@neda/sdk'

const QUIET_MS = 6_000

/**
 * A device on the packed SDK, in Node or in a browser: presses and lets go for so long, and writes down all that it was told.
 *
 * @param {{ url: string, username: string, password: string, groupId: string, transport: 'websocket' | 'sse' | 'multipart', ms: number }} given
 */
export async function talkFor({ url, username, password, groupId, transport, ms }) {
  const neda = new NedaClient({ url, transport })
  // As a person does who is told that there is no network.
  while (!(await neda.tokens()))
    await neda.signIn({ username, password, deviceName: transport }).catch((error) => {
      if (!error.retryable) throw error
      return pause(500)
    })
  const report = { events: [], talks: [], ends: [], heard: 0, reconnects: 0 }
  const now = { isLive: false, heardAt: performance.now() }
  neda.observe(
    SpeakerChangedDocument,
    { groupId },
    {
      next: ({ speakerChanged: { kind, gap, floor } }) => {
        now.heardAt = performance.now()
        report.events.push({ kind, gap, epoch: floor.epoch, sequence: floor.sequence })
      },
      live: (live) => {
        now.isLive = live
        if (!live) report.reconnects += 1
      },
      ended: (error) => report.ends.push(String(error.code)),
    },
  )
  const radio = neda.talk(groupId)
  let since = null
  radio.subscribe((state) => {
    if (state.heard !== null) report.heard += 1
    if (state.talk.phase === 'TALKING') since ??= { burstId: state.talk.burst.id, from: Date.now() }
    else if (since !== null) {
      report.talks.push({ ...since, to: Date.now(), cause: state.talk.phase === 'IDLE' ? state.talk.ended?.cause : null })
      since = null
    }
    if (state.error) report.ends.push(String(state.error.code))
  })
  for (const until = performance.now() + ms; performance.now() < until; ) {
    await radio.press({ queue: Math.random() < 0.5 })
    await pause(200 + Math.random() * 2_000)
    radio.release()
    await pause(100 + Math.random() * 600)
  }
  // Until it has caught up and nothing more comes: what was left of a lease has ended too.
  for (const until = performance.now() + 40_000; performance.now() < until; await pause(100))
    if (now.isLive && performance.now() - now.heardAt > QUIET_MS) break
  // By then; for closing is an end too.
  const ends = [...report.ends]
  await neda.close()
  return { ...report, ends }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
