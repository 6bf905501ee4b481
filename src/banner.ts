import { DEMO_GROUP } from '../prisma/seed.ts'
import type { App } from './app.ts'
import type { Config } from './config.ts'
import { DEMO_PASSWORD } from './domains/auth/password-login.ts'

/** What a person who starts NEDA wants to know: what runs, what is off, where to look, who may sign in. */
export function banner({ demo }: Config, { url, summary }: App, startedInMs: number): string {
  const rows = [
    ['GraphiQL', `${url}/graphql`],
    ...summary,
    [
      'sign in',
      demo
        ? `admin, maya, ben or cleo with the password ${DEMO_PASSWORD} (demo group "${DEMO_GROUP}")`
        : 'no demo people: this is not a place for known passwords',
    ],
  ] as const
  const lines = rows.map(([what, how]) => `  ${what.padEnd(10)}${how}`)
  return [`NEDA is ready at ${url} after ${(startedInMs / 1_000).toFixed(1)} s`, ...lines, '  Ctrl-C stops it.'].join('\n')
}
