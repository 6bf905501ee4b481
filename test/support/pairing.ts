import pg from 'pg'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import {
  ApproveDevicePairingDocument,
  CompleteDevicePairingDocument,
  DenyDevicePairingDocument,
  StartDevicePairingDocument,
} from '../generated/operations.ts'
import { Client } from './client.ts'
import { dataFolder } from './data-folder.ts'
import { outcomeOf, startWithAdmin } from './people.ts'

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** A NEDA whose database the test reaches, so that it need not wait for time to pass. */
export async function startWithDatabase(env: Record<string, string> = {}) {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await dataFolder())
  const postgres = stack.use(await openEmbeddedPostgres({ folder: folder.path, log: silent }))
  const neda = stack.use(await startWithAdmin({ DATABASE_URL: postgres.url, ...env }))
  const client = new pg.Client(postgres.url)
  await client.connect()
  stack.defer(() => client.end())
  const owned = stack.move()
  return {
    ...neda,
    sql: async <Row extends object>(text: string) => (await client.query<Row>(text)).rows,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export interface Watch {
  readonly userCode: string
  readonly deviceCode: string
}

/** A device without a keyboard asks to be signed in. */
export async function startPairing(url: string, deviceName = 'Watch'): Promise<Watch> {
  const { startDevicePairing } = await new Client(url).get(StartDevicePairingDocument, { input: { deviceName } })
  const { userCode, deviceCode } = startDevicePairing
  if (!userCode || !deviceCode) throw new Error('no codes')
  return { userCode, deviceCode }
}

export const complete = async (url: string, { deviceCode }: Watch) =>
  (await new Client(url).get(CompleteDevicePairingDocument, { input: { deviceCode } })).completeDevicePairing

export const approve = async (device: Client, { userCode }: Watch, userId?: string) =>
  outcomeOf(await device.ask(ApproveDevicePairingDocument, { input: { userCode, userId: userId ?? null } }))

export const deny = async (device: Client, { userCode }: Watch) =>
  outcomeOf(await device.ask(DenyDevicePairingDocument, { input: { userCode } }))
