import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { describe, expect, test, vi } from 'vitest'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
const open = (folder: string, waitMs = 15_000) => openEmbeddedPostgres({ folder, log, waitMs })

async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

const postmasterPid = async (folder: string) => Number((await readFile(join(folder, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0])
const unfinished = async (folder: string) => (await readdir(folder)).filter((name) => name.startsWith('postgres-init-'))

/** In a process group of its own, as a shell starts it. */
function startOwner(folder: string): ChildProcess {
  const program = fileURLToPath(new URL('../support/embedded-postgres-owner.ts', import.meta.url))
  return fork(program, [folder], { detached: true, execArgv: [] })
}

async function opened(owner: ChildProcess): Promise<string> {
  const [message] = (await once(owner, 'message')) as [{ url: string }]
  return message.url
}

async function signalGroup(owner: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const ended = once(owner, 'exit')
  process.kill(-(owner.pid ?? Number.NaN), signal)
  await ended
}

describe('the embedded PostgreSQL', () => {
  test('is made at the first start, keeps its data, and stops with its owner', async () => {
    await using folder = await temporaryFolder()
    const first = await open(folder.path)
    expect(first.version).toMatch(/^18\./)
    await query(first.url, `CREATE TABLE note AS SELECT 'پیام' AS text`)
    await first[Symbol.asyncDispose]()
    await expect(query(first.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED')
    expect(existsSync(join(folder.path, 'postgres', 'postmaster.pid'))).toBe(false)

    await using second = await open(folder.path)
    expect(await query(second.url, 'SELECT text FROM note')).toEqual([['پیام']])
  })

  test('is in UTF-8 and UTC, knows the case of every script, syncs, and listens on this machine only', async () => {
    await using folder = await temporaryFolder()
    await using postgres = await open(folder.path)
    const settings = `SELECT current_setting('server_encoding'), current_setting('timezone'), current_setting('fsync'), lower('ÜÇ'),
      (SELECT setting FROM pg_settings WHERE name = 'listen_addresses')`
    expect(await query(postgres.url, settings)).toEqual([['UTF8', 'UTC', 'on', 'üç', '127.0.0.1']])
  })

  test('gives the application no superuser, and no entry without the password', async () => {
    await using folder = await temporaryFolder()
    await using postgres = await open(folder.path)
    await expect(query(postgres.url, `SELECT pg_read_file('/etc/passwd')`)).rejects.toThrow('permission denied')
    await expect(query(postgres.url.replace(/:[^:@]+@/, ':guess@'), 'SELECT 1')).rejects.toThrow('password authentication failed')
    const password = await stat(join(folder.path, 'postgres', 'neda-superuser-password'))
    expect(password.mode & 0o777).toBe(0o600)
  })

  test('survives SIGKILL of its owner and the whole process group, and the next start takes it over', async () => {
    await using folder = await temporaryFolder()
    const owner = startOwner(folder.path)
    const url = await opened(owner)
    await query(url, `CREATE TABLE note AS SELECT 'kept' AS text`)
    const pid = await postmasterPid(folder.path)
    await signalGroup(owner, 'SIGKILL')

    const next = await open(folder.path)
    expect(await postmasterPid(folder.path)).toBe(pid)
    expect(await query(next.url, 'SELECT text FROM note')).toEqual([['kept']])
    await next[Symbol.asyncDispose]()
    await expect(query(next.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED')
  })

  test('is out of reach of a SIGTERM to the process group, so that its owner can still write and then stop it', async () => {
    await using folder = await temporaryFolder()
    const owner = startOwner(folder.path)
    await query(await opened(owner), 'CREATE TABLE note (text text)')
    const pid = await postmasterPid(folder.path)
    expect(() => process.kill(-pid, 0), 'PostgreSQL leads a process group of its own').not.toThrow()
    await signalGroup(owner, 'SIGTERM')
    expect(existsSync(join(folder.path, 'postgres', 'postmaster.pid'))).toBe(false)

    await using next = await open(folder.path)
    expect(await query(next.url, 'SELECT text FROM note')).toEqual([['written after SIGTERM']])
  })

  test('has one owner at a time: a second start is refused while the first lives, and admitted when it ends', async () => {
    await using folder = await temporaryFolder()
    const first = await open(folder.path)
    await expect(open(folder.path, 200)).rejects.toThrow(`The data folder ${folder.path} is in use by another NEDA.`)
    await query(first.url, 'SELECT 1')

    const second = open(folder.path)
    await first[Symbol.asyncDispose]()
    await using owner = await second
    expect(await query(owner.url, 'SELECT 1')).toEqual([[1]])
  })

  test('is made once when two first starts race', async () => {
    await using folder = await temporaryFolder()
    const starts = await Promise.allSettled([open(folder.path, 200), open(folder.path, 200)])
    const owners = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []))
    const refusals = starts.flatMap((start) => (start.status === 'rejected' ? [String(start.reason)] : []))
    expect(refusals).toEqual([expect.stringContaining('in use by another NEDA')])
    expect(await unfinished(folder.path)).toEqual([])
    for (const owner of owners) await owner[Symbol.asyncDispose]()
  })

  test('is made anew after a SIGKILL in the middle of initdb', async () => {
    await using root = await temporaryFolder()
    let folder = root.path
    do {
      folder = await mkdtemp(join(root.path, 'attempt-'))
      const owner = startOwner(folder)
      const hasBegun = async () => existsSync(join(folder, (await unfinished(folder))[0] ?? 'none', 'data', 'PG_VERSION'))
      while (!(await hasBegun())) await sleep(1)
      await signalGroup(owner, 'SIGKILL')
    } while (existsSync(join(folder, 'postgres'))) // it came too late, on a machine where this process was kept waiting
    expect(await unfinished(folder)).toHaveLength(1)

    await using postgres = await open(folder)
    expect(await query(postgres.url, 'SELECT 1')).toEqual([[1]])
    expect(await unfinished(folder)).toEqual([])
  })

  test('starts although its postmaster.pid names a process that is something else now', async () => {
    await using folder = await temporaryFolder()
    await (await open(folder.path))[Symbol.asyncDispose]()
    const data = join(folder.path, 'postgres')
    // By the same user as PostgreSQL: a stranger's process PostgreSQL itself would recognise as such.
    const { uid, gid } = await stat(data)
    const stranger = spawn('sleep', ['600'], { uid, gid, stdio: 'ignore', cwd: '/' })
    await once(stranger, 'spawn')
    await writeFile(join(data, 'postmaster.pid'), `${stranger.pid}\n${data}\n1\n5432\n\n127.0.0.1\n\nready   \n`)
    try {
      await using postgres = await open(folder.path)
      expect(await query(postgres.url, 'SELECT 1')).toEqual([[1]])
    } finally {
      stranger.kill('SIGKILL')
    }
    await once(stranger, 'exit')
    expect(stranger.signalCode).toBe('SIGKILL')
  })

  test('comes back under the same URL, with its data and its owner, when the server itself is killed', async () => {
    await using folder = await temporaryFolder()
    await using postgres = await open(folder.path)
    await query(postgres.url, `CREATE TABLE note AS SELECT 'kept' AS text`)
    log.info.mockClear()
    process.kill(await postmasterPid(folder.path), 'SIGKILL')
    await expect.poll(() => log.info.mock.calls.flat(), { timeout: 30_000 }).toContain('the embedded PostgreSQL is back')
    expect(await query(postgres.url, 'SELECT text FROM note')).toEqual([['kept']])
    await expect(open(folder.path, 0)).rejects.toThrow('in use by another NEDA')
  })

  test('says what to do with data of another PostgreSQL version', async () => {
    await using folder = await temporaryFolder()
    await (await open(folder.path))[Symbol.asyncDispose]()
    await writeFile(join(folder.path, 'postgres', 'PG_VERSION'), '17\n')
    await expect(open(folder.path)).rejects.toThrow('is of PostgreSQL 17 and this NEDA brings 18: dump it')
  })
})
