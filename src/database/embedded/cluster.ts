import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir, mkdtemp, open, readdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Logger } from 'pino'
import { type Account, chooseAccount, chooseLaunch, type Launch, OTHER_WAYS } from './account.ts'
import { exists, findPrograms, type Programs } from './programs.ts'

export type Log = Pick<Logger, 'info' | 'warn' | 'error'>

/** A whole cluster: a PostgreSQL data directory, with the superuser's password inside, so that the two are born in one rename. */
export type Cluster = Means & { folder: string; data: string; logFile: string; password: string }
type Means = { programs: Programs; account: Account | undefined; launch: Launch; log: Log }

const PASSWORD = 'neda-superuser-password'
const UNFINISHED = 'postgres-init-'

/** Nothing of the operator's environment reaches PostgreSQL: neither PG* variables nor secrets. */
export const ENVIRONMENT = { LC_ALL: 'C', TZ: 'UTC' }

export async function openCluster(givenFolder: string, log: Log): Promise<Cluster> {
  await mkdir(givenFolder, { recursive: true }).catch((cause: Error) => {
    throw new Error(`The data folder cannot be made: ${cause.message}. ${OTHER_WAYS}`, { cause })
  })
  const folder = await realpath(givenFolder)
  const data = join(folder, 'postgres')
  const programs = await findPrograms()
  const account = await chooseAccount(data)
  const launch = await chooseLaunch(account, [programs.postgres, join(programs.folder, 'lib'), join(programs.folder, 'share'), folder])
  const means = { programs, account, launch, log }
  await checkOwner(data, account)
  if (!(await exists(join(data, 'PG_VERSION')))) await create(folder, data, means)
  await checkVersion(data, programs)
  const password = await readFile(join(data, PASSWORD), 'utf8')
  return { ...means, folder, data, logFile: join(folder, 'postgres.log'), password }
}

/** initdb runs in a folder of its own and the result is renamed into place: whatever kills it, `data` is whole or absent. */
async function create(folder: string, data: string, { programs, account, launch, log }: Means): Promise<void> {
  log.info({ data }, 'creating the embedded PostgreSQL')
  const workshop = await mkdtemp(join(folder, UNFINISHED))
  try {
    const made = join(workshop, 'data')
    const password = join(workshop, PASSWORD)
    await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600, flush: true })
    if (account) for (const path of [workshop, password]) await chown(path, account.uid, account.gid)
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
    const access = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${password}`]
    const { file, args, ids } = launch(programs.initdb, [`--pgdata=${made}`, ...locale, ...access, '--no-instructions'])
    await promisify(execFile)(file, args, { ...ids, cwd: '/', env: ENVIRONMENT })
    await rename(password, join(made, PASSWORD))
    await syncFolder(made)
    await rename(made, data)
    await syncFolder(folder)
  } catch (cause) {
    // Another first start was quicker, and may have swept our workshop away.
    if (await exists(join(data, 'PG_VERSION'))) return
    const reason = (cause as { stderr?: string }).stderr?.trim() || (cause as Error).message
    throw new Error(`The embedded PostgreSQL cannot be created in ${data}: ${reason}. ${OTHER_WAYS}`, { cause })
  } finally {
    await remove(workshop, log)
  }
}

/** What starts that were killed left behind. Only for the cluster's owner: by then nobody's unfinished cluster can become the one in use. */
export async function removeUnfinished({ folder, log }: Cluster): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(UNFINISHED)) await remove(join(folder, name), log)
  }
}

const remove = (path: string, log: Log): Promise<void> =>
  rm(path, { recursive: true, force: true, maxRetries: 3 }).catch((err: unknown) => log.warn({ err }, `cannot remove ${path}`))

async function checkOwner(data: string, account: Account | undefined): Promise<void> {
  // No data, no owner; data that cannot be looked at is named when the server is started on it.
  const owner = await stat(data).catch(() => undefined)
  const uid = account?.uid ?? process.getuid?.()
  if (!owner || owner.uid === uid) return
  const remedy = account ? `run chown -R ${account.uid}:${account.gid} on it` : 'start NEDA as that user'
  throw new Error(`The PostgreSQL data in ${data} belongs to uid ${owner.uid}, not ${uid}: ${remedy}, or choose another data folder.`)
}

async function checkVersion(data: string, programs: Programs): Promise<void> {
  const made = (await readFile(join(data, 'PG_VERSION'), 'utf8')).trim()
  const major = programs.version.split('.')[0]
  if (made === major) return
  throw new Error(`The data in ${data} is of PostgreSQL ${made} and this NEDA brings ${major}: dump it with ${made} and load it anew.`)
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path)
  await folder.sync()
}
