import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The secret of this name, made at the first start and kept in the data folder for this user's eyes only. */
export async function keptSecret(dataFolder: string, name: string): Promise<string> {
  const file = join(dataFolder, name)
  try {
    await mkdir(dataFolder, { recursive: true })
    return (await existing(file)) ?? (await make(file))
  } catch (cause) {
    throw new Error(`The secret in ${file} can be neither read nor made: set SECRET_KEY, or NEDA_DATA_DIR to a folder of this user's.`, {
      cause,
    })
  }
}

async function existing(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Written whole before it gets its name, so that two first starts end up with the same secret and a killed one leaves no half of it. */
async function make(file: string): Promise<string> {
  const draft = `${file}.${process.pid}`
  await writeFile(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 })
  try {
    await link(draft, file)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  } finally {
    await rm(draft)
  }
  return (await readFile(file, 'utf8')).trim()
}

const isCode = (error: unknown, code: string) => error instanceof Error && 'code' in error && error.code === code
