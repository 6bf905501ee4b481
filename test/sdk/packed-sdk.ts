import { execFile } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { temporaryFolder } from '../support/temporary-folder.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

export interface Project extends AsyncDisposable {
  readonly path: string
  /** What the build said of itself. */
  readonly said: string
  /** Runs a module of the project. */
  run(name: string, env?: Record<string, string>, args?: readonly string[]): Promise<string>
  write(name: string, text: string): Promise<void>
}

/** A project with nothing in it but the SDK, installed as a package without the internet. */
export async function projectWithSdk(): Promise<Project> {
  const folder = await temporaryFolder()
  const { path } = folder
  const write = (name: string, text: string) => writeFile(join(path, name), text)
  const { stdout: said } = await run(process.execPath, ['scripts/build-sdk.ts'], { cwd: ROOT })
  await run('npm', ['pack', './sdk', '--pack-destination', path], { cwd: ROOT })
  const packed = (await readdir(path)).find((name) => name.endsWith('.tgz'))
  await write('package.json', JSON.stringify({ private: true, type: 'module' }))
  await run('npm', ['install', `./${packed}`, '--offline', '--no-audit', '--no-fund'], { cwd: path })
  return {
    path,
    said,
    write,
    run: async (name, env = {}, args = []) => {
      const { PATH } = process.env
      return (await run(process.execPath, [name, ...args], { cwd: path, env: { PATH, ...env }, maxBuffer: 64 * 1024 * 1024 })).stdout
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
