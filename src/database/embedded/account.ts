import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { exists } from './programs.ts'

/** Who runs PostgreSQL when NEDA runs as root. */
export type Account = { uid: number; gid: number }

/** How a PostgreSQL program is to be spawned. */
export type Launch = (program: string, args: readonly string[]) => { file: string; args: string[]; ids: Partial<Account> }

export const OTHER_WAYS = 'Run NEDA as another user (not root), or choose another data folder, or set DATABASE_URL.'

/** PostgreSQL refuses to run as root. It then gets the account that owns its data, or one that has no rights on the machine. */
export async function chooseAccount(data: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  // There is no data before the first start.
  const owner = await stat(data).catch(() => undefined)
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  const accounts = (await readFile('/etc/passwd', 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'))
  const found = accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody')
  if (!found) throw new Error(`PostgreSQL cannot run as root, and there is neither an account postgres nor nobody. ${OTHER_WAYS}`)
  // macOS writes nobody as -2.
  return { uid: Number(found[2]) >>> 0, gid: Number(found[3]) >>> 0 }
}

/** `places` are the programs and folders that PostgreSQL has to get to; programs first. */
export async function chooseLaunch(account: Account | undefined, places: readonly string[]): Promise<Launch> {
  if (!account) return (file, args) => ({ file, args: [...args], ids: {} })
  const barrier = await firstBarrier(account, places)
  if (!barrier) return (file, args) => ({ file, args: [...args], ids: account })
  const setpriv = await find(['/usr/bin/setpriv', '/bin/setpriv', '/run/current-system/sw/bin/setpriv'])
  const capability = await passingCapability(barrier.isFolder)
  if (!setpriv || !capability) {
    throw new Error(
      `PostgreSQL cannot run as root, and the account that it runs as (uid ${account.uid}) may not use ${barrier.path}. ${OTHER_WAYS}`,
    )
  }
  // initdb asks access(2), which leaves capabilities out of account unless no_setuid_fixup is set.
  const ids = [`--reuid=${account.uid}`, `--regid=${account.gid}`, '--clear-groups', '--no-new-privs', '--securebits=+no_setuid_fixup']
  const rights = ['inh-caps', 'ambient-caps', 'bounding-set'].map((set) => `--${set}=-all,+${capability}`)
  return (program, args) => ({ file: setpriv, args: [...ids, ...rights, program, ...args], ids: {} })
}

/** What bars the account from `places`: a closed folder, as a clone under /root has, or a program installed under umask 077. */
async function firstBarrier(account: Account, places: readonly string[]): Promise<{ path: string; isFolder: boolean } | undefined> {
  for (const place of places) {
    for (let path = place; ; path = dirname(path)) {
      const status = await stat(path)
      const mayEnter = status.uid === account.uid ? 0o100 : status.gid === account.gid ? 0o010 : 0o001
      if (!(status.mode & mayEnter)) return { path, isFolder: status.isDirectory() }
      if (path === dirname(path)) break
    }
  }
  return undefined
}

/**
 * The least capability that lets an account without rights pass: CAP_DAC_READ_SEARCH (2) opens folders;
 * CAP_DAC_OVERRIDE (1) programs too, and is the one of the two that containers have by default.
 */
async function passingCapability(onlyFolders: boolean): Promise<string | undefined> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '')
  const mask = (field: string) => BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`)
  const held = mask('CapPrm') & mask('CapBnd')
  if (onlyFolders && held & (1n << 2n)) return 'dac_read_search'
  return held & (1n << 1n) ? 'dac_override' : undefined
}

async function find(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await exists(path)) return path
  return undefined
}
