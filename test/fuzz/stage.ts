import { randomBytes } from 'node:crypto'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { operation } from '../authorization/play.ts'
import {
  CreateUserDocument,
  FloorDocument,
  GroupsDocument,
  LoginDocument,
  SessionsDocument,
  StartDevicePairingDocument,
  StartTotpDocument,
  TalkBurstsDocument,
} from '../generated/operations.ts'
import { Client } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { addMember, createTeam } from '../support/people.ts'
import { startNeda } from '../support/start-neda.ts'
import { press } from '../support/talk.ts'
import { WITHOUT_LIMITS } from '../support/without-limits.ts'
import { FuzzSocket } from './transports.ts'
import type { Pool } from './values.ts'

export type Role = 'anonymous' | 'member' | 'admin'

/** Who asks, until its session ends. */
export interface Asker {
  readonly token: string | null
  readonly socket: FuzzSocket
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
const secret = () => randomBytes(32).toString('base64url')
const base64 = (text: string) => Buffer.from(text).toString('base64')
const UUID = '01890a5d-ac96-774b-bcce-b302099a8057'

/** In the forms of ours, of nothing. */
const ALMOST_CURSORS = [
  `GPC:S:${UUID}`,
  'GPC:S:x',
  'GPC:N:1',
  'GPC:J:{}',
  'GPC:S:',
  'fencingToken:9999999999999999999',
  'startedAt:999999999999999',
  'GPC:D:x',
].map(base64)

/** Of nothing, or of a type that has no ids. */
const UNKNOWN = ['User', 'Group', 'Session', 'GroupMember', 'TalkBurst', 'GroupVoiceSession', 'AuditEntry', '__proto__'].map((type) =>
  base64(`${type}:${UUID}`),
)
let made = 0

/** NEDA as in production, with secrets that can be recognised, a group in use, and things that may be broken. */
export async function setStage() {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await dataFolder())
  const database = stack.use(await openEmbeddedPostgres({ folder: folder.path, log: silent }))
  const [secretKey, mediaSecret, password] = [secret(), secret(), secret()]
  const databasePassword = new URL(database.url).password
  const secrets = [secretKey, mediaSecret, password, databasePassword, secret()]
  const neda = stack.use(
    await startNeda({
      ...WITHOUT_LIMITS,
      NODE_ENV: 'production',
      NEDA_DATA_DIR: folder.path,
      NEDA_EMBEDDED: 'allowed',
      ADMIN_TOTP: 'optional',
      DATABASE_URL: database.url,
      SECRET_KEY: secretKey,
      // Nobody listens there: devices get their tokens all the same.
      LIVEKIT_URL: 'ws://127.0.0.1:9',
      LIVEKIT_API_KEY: 'fuzz',
      LIVEKIT_API_SECRET: mediaSecret,
      NEDA_BOOTSTRAP_ADMIN_USERNAME: 'root',
      NEDA_BOOTSTRAP_ADMIN_PASSWORD: password,
    }),
  )
  const { url } = neda

  async function signIn(username: string): Promise<Client> {
    const { login } = await new Client(url).get(LoginDocument, { input: { username, password, deviceName: 'fuzz' } })
    if (!login.accessToken || !login.refreshToken) throw new Error('not signed in')
    secrets.push(login.accessToken, login.refreshToken)
    return new Client(url, login.accessToken)
  }

  const admin = await signIn('root')
  const team = await createTeam(admin)
  const other = await createTeam(admin)
  const ids = [...(await idsOf(admin, team)), ...(await idsOf(admin, other)), ...UNKNOWN]
  const cursors = await cursorsOf(team.bensWatch, team.groupId)
  const pairing = (await new Client(url).get(StartDevicePairingDocument, { input: { deviceName: 'Watch' } })).startDevicePairing
  const { startTotp } = await team.cleosWatch.get(StartTotpDocument, {})
  secrets.push(pairing.deviceCode ?? '', new URL(startTotp.otpauthUri ?? 'otpauth://none').searchParams.get('secret') ?? '')
  if (secrets.some((it) => it.length < 12)) throw new Error('a secret is missing')

  /** Somebody new of this role. */
  async function enter(role: Role): Promise<Asker> {
    if (role === 'anonymous') return { token: null, socket: new FuzzSocket(url, null) }
    const username = `${role}-${++made}`
    const input = { username, displayName: role, password, systemRole: role === 'admin' ? 'ADMIN' : 'USER' } as const
    const { createUser } = await admin.get(CreateUserDocument, { input })
    if (!createUser.user) throw new Error(JSON.stringify(createUser.userErrors))
    // The group may have been deleted by then.
    if (role === 'member') await addMember(admin, team.groupId, createUser.user.id).catch(() => undefined)
    const { accessToken } = await signIn(username)
    return { token: accessToken, socket: new FuzzSocket(url, accessToken) }
  }

  const pool: Pool = { ids, cursors, secrets }
  const owned = stack.move()
  return {
    url,
    pool,
    secrets,
    enter,
    printed: neda.printed,
    end: () => neda.end('SIGTERM'),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Of a group and of what belongs to it. */
async function idsOf(admin: Client, { groupId, maya, ben, cleo, bensWatch }: Awaited<ReturnType<typeof createTeam>>): Promise<string[]> {
  const { burst } = await press(bensWatch, groupId, 'fuzz')
  const document = operation('query ($id: ID!) { group(id: $id) { members { edges { node { id } } } } }')
  const { group } = (await admin.get(document, { id: groupId })) as { group: { members: { edges: { node: { id: string } }[] } } }
  const { sessions } = await bensWatch.get(SessionsDocument, {})
  const members = group.members.edges.map(({ node }) => node.id)
  return [groupId, maya.id, ben.id, cleo.id, ...(burst ? [burst.id] : []), ...members, ...sessions.map(({ id }) => id)]
}

/** Of pages and of logs. */
async function cursorsOf(device: Client, groupId: string): Promise<string[]> {
  const { floor } = await device.get(FloorDocument, { groupId })
  const { groups } = await device.get(GroupsDocument, {})
  const { talkBursts } = await device.get(TalkBurstsDocument, { groupId })
  const pages = [groups.pageInfo.endCursor, talkBursts.pageInfo.endCursor]
  return [...ALMOST_CURSORS, floor.cursor, floor.cursor.slice(0, -4), ...pages.flatMap((cursor) => cursor ?? [])]
}
