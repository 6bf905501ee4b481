import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { press, release } from '../support/talk.ts'
import { ChromiumDevices } from './chromium-device.ts'
import { joinGrant } from './handset.ts'
import { PITCHES } from './tone.ts'
import { openRoom, openVoiceStage } from './voice-stage.ts'

const [, hz = Number.NaN] = PITCHES

test('a browser that holds its button is heard while it has the floor, and hears who has it next', async () => {
  await using stage = await openVoiceStage()
  await using room = await openRoom(stage)
  await using chromium = await ChromiumDevices.start()
  await using browser = await chromium.open(hz)
  const { groupId, cleos } = room
  const { meter } = cleos.rtc
  const client = await room.ben.device('browser')
  const { url, token } = await joinGrant(client, groupId)
  await browser.connect(url, token)
  const voice = { identity: browser.identity, hz }

  // With the button held, the floor alone is missing.
  await browser.hold()
  await sleep(500)
  const pressedAt = performance.now()
  expect(meter.framesFrom(voice.identity)).toBe(0)
  expect((await press(client, groupId, 'first')).outcome).toBe('GRANTED')
  await expect.poll(() => meter.firstHeardSince(voice, pressedAt), { timeout: 3_000 }).not.toBeNull()
  await sleep(500)

  const releasedAt = performance.now()
  await release(client, groupId, 'first')
  await sleep(1_000)
  expect(meter.lastHeardAt(voice)).toBeLessThan(releasedAt + 500)
  const kinds = browser.reports.map(({ kind }) => kind).filter((kind) => kind !== 'AUDIBLE')
  expect(kinds).toEqual(['PERMITTED', 'PUBLISHED', 'FORBIDDEN', 'UNPUBLISHED'])

  const since = Date.now()
  await cleos.talk()
  await expect.poll(() => browser.firstHeardSince(cleos.rtc.identity, since), { timeout: 3_000 }).not.toBeNull()
  await cleos.release()
  await sleep(1_000)
  expect(browser.lastHeardSince(cleos.rtc.identity, since)).toBeLessThan(Date.now() - 500)
})
