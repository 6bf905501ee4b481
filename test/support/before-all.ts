import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { prepareDataFolder } from './data-folder.ts'
import { hasRedis } from './redis-server.ts'

const TESTS = fileURLToPath(new URL('..', import.meta.url))

/** Before the tests run. What it answers is called after them. */
export default async function beforeAll(): Promise<() => Promise<void>> {
  sayWhatIsLeftOut()
  const folder = await prepareDataFolder()
  return async () => folder[Symbol.asyncDispose]()
}

/** Says plainly which of the tests this machine cannot run for want of a redis-server. In CI that is a failure. */
function sayWhatIsLeftOut(): void {
  if (hasRedis()) return
  const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.ts'))
  const leftOut = files.filter((file) => readFileSync(`${TESTS}/${file}`, 'utf8').includes('hasRedis()'))
  const message = `There is no redis-server in PATH: LEFT OUT is what needs one in ${leftOut.join(', ') || 'no file'}.`
  if (process.env.CI) throw new Error(`${message} In CI it must be there.`)
  console.warn(message)
}
