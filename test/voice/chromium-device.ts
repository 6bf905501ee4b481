import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Page } from 'playwright-core'
import { startChromium } from '../browser/chromium.ts'

/** Something that the device did or heard; of its own microphone the identity is empty. */
export type Report = { readonly at: number } & (
  | { readonly kind: 'PERMITTED' | 'FORBIDDEN' | 'PUBLISHED' | 'UNPUBLISHED' }
  | { readonly kind: 'FAILED' | 'DISCONNECTED'; readonly reason: string }
  | { readonly kind: 'SUBSCRIBED' | 'AUDIBLE' | 'SILENT'; readonly identity: string }
)

/** What the page offers. */
interface DevicePage {
  switchOn(hz: number): Promise<void>
  connect(url: string, token: string): Promise<string>
  hold(): void
  letGo(): Promise<void>
  pause(silentMs: number): void
  hangUp(): Promise<void>
}

declare const device: DevicePage

const FILES: Readonly<Record<string, string>> = {
  '/livekit-client.js': import.meta.resolve('livekit-client'),
  '/chromium-device-page.js': import.meta.resolve('./chromium-device-page.js'),
  '/chromium-device-meter.js': import.meta.resolve('./chromium-device-meter.js'),
}
const HTML = `<!doctype html>
<title>A device</title>
<script type="importmap">{ "imports": { "livekit-client": "/livekit-client.js" } }</script>
<script type="module" src="/chromium-device-page.js"></script>`

const SOUNDS_WITHIN_MS = 2_000

/** A browser for devices, and the page that they run in: it really comes from this machine, else it might not talk to this machine. */
export class ChromiumDevices implements AsyncDisposable {
  readonly #browser: Browser
  readonly #server: Server

  private constructor(browser: Browser, server: Server) {
    this.#browser = browser
    this.#server = server
  }

  static async start(): Promise<ChromiumDevices> {
    const browser = await startChromium()
    const server = createServer((request, response) => {
      const file = FILES[request.url ?? '']
      response.setHeader('content-type', file ? 'text/javascript' : 'text/html')
      response.end(file ? readFileSync(new URL(file)) : HTML)
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return new ChromiumDevices(browser, server)
  }

  /** A device that is switched on and in no room yet. */
  async open(hz = 1_000): Promise<ChromiumDevice> {
    const { port } = this.#server.address() as AddressInfo
    return ChromiumDevice.open(await this.#browser.newPage(), `http://127.0.0.1:${port}/`, hz)
  }

  async [Symbol.asyncDispose]() {
    await this.#browser.close()
    this.#server.close()
  }
}

/**
 * A device on LiveKit's client for browsers, in a page of its own. It is honest: it publishes while its button is held and it is permitted, and
 * obeys when the server takes the track away. All times are those of `Date.now()`, the one clock that the audio thread of a page has too.
 */
export class ChromiumDevice implements AsyncDisposable {
  readonly reports: Report[] = []
  readonly #page: Page
  #identity = ''

  private constructor(page: Page) {
    this.#page = page
  }

  static async open(page: Page, url: string, hz: number): Promise<ChromiumDevice> {
    const opened = new ChromiumDevice(page)
    page.on('pageerror', (error) => opened.reports.push({ kind: 'FAILED', at: Date.now(), reason: String(error) }))
    await page.exposeFunction('tell', (report: Report) => void opened.reports.push(report))
    await page.goto(url)
    // Nothing sounds in a page before somebody has touched it.
    await page.mouse.click(1, 1)
    await page.evaluate((hz) => device.switchOn(hz), hz)
    return opened
  }

  get identity(): string {
    return this.#identity
  }

  /** Connects as a participant that hears everybody. Rejects if the server does not take it. */
  async connect(url: string, token: string): Promise<void> {
    this.#identity = await this.#page.evaluate(([url, token]) => device.connect(url, token), [url, token] as const)
  }

  /** The button goes down: publishes now or when it is permitted. */
  async hold(): Promise<void> {
    await this.#page.evaluate(() => device.hold())
  }

  /** The button goes up, and the track is taken back. */
  async letGo(): Promise<void> {
    await this.#page.evaluate(() => device.letGo())
  }

  /** Makes a pause in its tone, and answers when it sounds again: by that the way from the mouth to the ear is measured. */
  async pause(silentMs: number): Promise<number> {
    const since = Date.now()
    await this.#page.evaluate((silentMs) => device.pause(silentMs), silentMs)
    for (const deadline = since + silentMs + SOUNDS_WITHIN_MS; Date.now() < deadline; await sleep(5)) {
      const [again] = this.#heardSince('', since)
      if (again) return again.from
    }
    throw new Error(`no sound at the mouth ${SOUNDS_WITHIN_MS} ms after a pause`)
  }

  async hangUp(): Promise<void> {
    await this.#page.evaluate(() => device.hangUp())
  }

  /** When it was told, since then, that it may publish. */
  permittedSince(since: number): number | null {
    return this.reports.find(({ kind, at }) => kind === 'PERMITTED' && at >= since)?.at ?? null
  }

  /** When an identity began to be audible here. */
  firstHeardSince(identity: string, since: number): number | null {
    return this.#heardSince(identity, since)[0]?.from ?? null
  }

  /** When an identity that began to be audible since then was audible for the last time, which may be now. */
  lastHeardSince(identity: string, since: number): number | null {
    const last = this.#heardSince(identity, since).at(-1)
    return last ? (last.to ?? Date.now()) : null
  }

  async [Symbol.asyncDispose]() {
    await this.#page.close()
  }

  /** Its own microphone is nobody. */
  #heardSince(identity: string, since: number) {
    const heard: { from: number; to: number | null }[] = []
    for (const report of this.reports) {
      const last = heard.at(-1)
      if (report.at < since || !('identity' in report) || report.identity !== identity) continue
      if (report.kind === 'AUDIBLE') heard.push({ from: report.at, to: null })
      if (report.kind === 'SILENT' && last) last.to = report.at
    }
    return heard
  }
}
