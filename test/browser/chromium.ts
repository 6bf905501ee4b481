import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** A browser without a network: no name resolves, and nothing is fetched behind our back. */
export function startChromium(): Promise<Browser> {
  const { CHROMIUM } = process.env
  const executablePath = (CHROMIUM === undefined ? PLACES : [CHROMIUM]).find(existsSync)
  if (!executablePath)
    throw new Error(`There is no Chromium at ${CHROMIUM ?? PLACES.join(', ')}. Install it, or say where it is: CHROMIUM=/path/to/chromium`)
  const offline = ['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', '--disable-quic']
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-gpu']
  return chromium.launch({ executablePath, args: [...offline, ...quiet] })
}
