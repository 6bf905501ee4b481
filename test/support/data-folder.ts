import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { migrate } from '../../src/database/migrations.ts'
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts'

/** Names the folder of the run that is copied. */
const PREPARED = 'NEDA_TEST_DATA'
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

/** A folder as NEDA leaves it after its first start, with a database of today's schema and nothing in it: most of a first start's time is saved. */
export async function dataFolder(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder()
  await fill(folder.path)
  return folder
}

/** Makes such a folder of an empty one. What is run without Vitest has nothing to copy, and leaves it empty. */
export async function fill(folder: string): Promise<void> {
  const { [PREPARED]: prepared } = process.env
  // With owner and mode, which a copy by Node would lose.
  if (prepared) await promisify(execFile)('cp', ['-a', `${prepared}/postgres`, `${folder}/postgres`])
}

/** Makes what is copied, and what is compiled once, for all tests of a run. */
export async function prepareDataFolder(): Promise<AsyncDisposable> {
  const folder = await temporaryFolder()
  {
    await using postgres = await openEmbeddedPostgres({ folder: folder.path, log: silent })
    await migrate(postgres.url, { log: silent })
  }
  process.env[PREPARED] = folder.path
  // Every process of the tests reads the same sources.
  process.env.NODE_COMPILE_CACHE = `${folder.path}/compiled`
  return folder
}
