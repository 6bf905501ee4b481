import { decodeJwt, jwtVerify } from 'jose'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { CreateGroupDocument, CreateUserDocument, JoinGroupDocument } from '../generated/operations.ts'
import { signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { FakeLiveKit } from '../support/fake-livekit.ts'
import { press } from '../support/talk.ts'

const log = pino({ level: 'silent' })
const password = 'a long enough password'

/** An admin's own group, with the admin as its manager. */
async function start(env: Record<string, string>) {
  const folder = await dataFolder()
  const people = { NEDA_BOOTSTRAP_ADMIN_USERNAME: 'root', NEDA_BOOTSTRAP_ADMIN_PASSWORD: password }
  const app = await createApp(
    readConfig({
      NEDA_DATA_DIR: folder.path,
      PORT: '0',
      NODE_ENV: 'production',
      NEDA_EMBEDDED: 'allowed',
      ADMIN_TOTP: 'optional',
      ...people,
      ...env,
    }),
    { log },
  )
  const admin = await signIn(app.url, 'root', password)
  const { createUser } = await admin.get(CreateUserDocument, { input: { username: 'maya', password } })
  const { createGroup } = await admin.get(CreateGroupDocument, { input: { name: 'Gate', managerId: createUser.user?.id ?? '' } })
  return {
    maya: await signIn(app.url, 'maya', password),
    groupId: createGroup.group?.id ?? '',
    [Symbol.asyncDispose]: async () => {
      await app[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

test('with LiveKit configured, tokens are signed with its secret, for this room, device and right alone, and say to connect first', async () => {
  await using fake = await FakeLiveKit.start()
  await using it = await start({
    LIVEKIT_URL: fake.url,
    LIVEKIT_PUBLIC_URL: 'wss://voice.example.org',
    LIVEKIT_API_KEY: fake.apiKey,
    LIVEKIT_API_SECRET: fake.apiSecret,
  })
  const { joinGroup } = await it.maya.get(JoinGroupDocument, { input: { groupId: it.groupId } })
  const { media } = await press(it.maya, it.groupId, 'm1')
  for (const grant of [joinGroup.media, media]) expect(grant).toMatchObject({ state: 'JOIN_REQUIRED', url: 'wss://voice.example.org' })
  const claims = async (token = '') => (await jwtVerify(token, new TextEncoder().encode(fake.apiSecret))).payload
  const listen = await claims(joinGroup.media?.token)
  const talk = await claims(media?.token)
  expect(listen).toMatchObject({ iss: fake.apiKey, sub: media?.identity, video: { room: media?.room, roomJoin: true, canPublish: false } })
  expect(talk).toMatchObject({
    iss: fake.apiKey,
    sub: media?.identity,
    video: { room: media?.room, canPublish: true, canPublishSources: ['microphone'] },
  })
  for (const [token, most] of [
    [listen, 600],
    [talk, 120],
  ] as const)
    expect((token.exp ?? 0) - Date.now() / 1_000).toBeLessThanOrEqual(most)
  expect(JSON.stringify(decodeJwt(media?.token ?? ''))).not.toMatch(/roomAdmin|roomCreate|roomList/)
})

test('in production without LiveKit there are no tokens of the development server', async () => {
  await using it = await start({})
  const { joinGroup } = await it.maya.get(JoinGroupDocument, { input: { groupId: it.groupId } })
  expect(joinGroup.media).toBeNull()
  expect(await press(it.maya, it.groupId, 'm1')).toMatchObject({ outcome: 'GRANTED', media: null })
})
