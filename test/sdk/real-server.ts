import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { NedaClientOptions } from '../../sdk/src/index.ts'
import { createGroup, createPerson, startWithAdmin } from '../support/people.ts'
import { sdkDevice } from '../support/sdk-device.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { trusting } from './trusting.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const SECRET_KEY = 'a secret key of the tests that is long enough'

/** A NEDA that executes the documents of the SDK and no others, with a group of two, and a network before it that fails as it is told. */
export async function realServer() {
  await using stack = new AsyncDisposableStack()
  const { path } = stack.use(await temporaryFolder())
  const manifest = join(path, 'documents.json')
  await promisify(execFile)(process.execPath, ['scripts/print-documents.ts', manifest], { cwd: ROOT })
  const neda = stack.use(await startWithAdmin({ SECRET_KEY, ...(await trusting(manifest, join(path, 'trusted.json'))) }))
  const [maya, ben] = [await createPerson(neda.admin, 'Maya'), await createPerson(neda.admin, 'Ben')]
  const groupId = await createGroup(neda.admin, 'Night watch', maya, [ben])
  const proxy = stack.use(await tcpProxy(Number(new URL(neda.url).port)))
  const url = `http://127.0.0.1:${proxy.port}`
  const cleanup = stack.move()
  return {
    admin: neda.admin,
    maya,
    ben,
    groupId,
    proxy,
    url,
    /** Past that network. */
    directUrl: neda.url,
    /** A device of somebody, signed in. */
    device: async (username: string, options: Omit<NedaClientOptions, 'url'> = {}) => cleanup.use(await sdkDevice(url, username, options)),
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  }
}
