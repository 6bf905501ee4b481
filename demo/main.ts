/** npm run demo -- ben    a walkie-talkie in the terminal: space talks and lets go, q waits its turn, Ctrl-C leaves. */
import { parseArgs } from 'node:util'
import { Terminal } from './terminal.ts'
import { type Options, TRANSPORTS, walkieTalkie } from './walkie-talkie.ts'

const OPTIONS = {
  url: { type: 'string', default: 'http://127.0.0.1:4000' },
  group: { type: 'string', default: 'Night watch' },
  transport: { type: 'string', default: 'auto' },
} as const

try {
  await walkieTalkie(readOptions(process.argv.slice(2), process.env), () => new Terminal())
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

function readOptions(args: string[], { NEDA_PASSWORD: password = 'push-to-talk' }: NodeJS.ProcessEnv): Options {
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS })
    const [username, ...rest] = positionals
    const transport = TRANSPORTS.find((one) => one === values.transport)
    if (username !== undefined && rest.length === 0 && transport) return { ...values, transport, username, password }
  } catch {
    // An option that there is not.
  }
  throw new Error(`Say who you are: npm run demo -- ben [--group <name>] [--url <url>] [--transport ${TRANSPORTS.join('|')}]`)
}
