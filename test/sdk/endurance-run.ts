import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { randomNumbers } from '../../prisma/seed.ts'
import { NedaClient, SpeakerChangedDocument, type TransportName } from '../../sdk/src/index.ts'
import { startChromium } from '../browser/chromium.ts'
import { createGroup, createPerson, PASSWORD, startWithAdmin } from '../support/people.ts'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.ts'
import type { Project } from './packed-sdk.ts'
import { trusting } from './trusting.ts'

/** What a device wrote down. */
interface Report {
  readonly events: readonly { readonly kind: string; readonly gap: boolean; readonly epoch: string; readonly sequence: number }[]
  readonly talks: readonly { readonly burstId: string; readonly from: number; readonly to: number; readonly cause: string }[]
  readonly ends: readonly string[]
  readonly heard: number
  readonly reconnects: number
}

export interface Outcome {
  readonly device: string
  readonly report: Report
  /** How often the network failed. */
  readonly faults: number
  /** Of the group from the device's first event on, as somebody next to the server heard them. */
  readonly happened: readonly string[]
  /** What is wrong with what it was told. */
  readonly problems: readonly string[]
}

export type Place = 'Node' | 'Chromium'
type Given = { readonly url: string; readonly username: string; readonly password: string; readonly groupId: string } & {
  readonly transport: TransportName
  readonly ms: number
}

const TRANSPORTS: readonly TransportName[] = ['websocket', 'sse', 'multipart']

/** The packed SDK on each transport, in Node or in a browser, through networks that cut and stall, beside somebody who talks too. */
export async function endure(project: Project, where: readonly Place[], ms: number): Promise<Outcome[]> {
  await using stack = new AsyncDisposableStack()
  await copyFile(fileURLToPath(import.meta.resolve('./endurance-device.js')), join(project.path, 'device.js'))
  await project.write(
    'run.js',
    "import { talkFor } from './device.js'\nconsole.log(JSON.stringify(await talkFor(JSON.parse(process.argv[2]))))\n",
  )
  const page = where.includes('Chromium') ? await pages(project, stack) : null
  const manifest = join(project.path, 'node_modules/@neda/sdk/dist/documents.json')
  const trust = await trusting(manifest, join(project.path, 'trusted.json'))
  const neda = stack.use(await startWithAdmin({ ...(page ? { ALLOWED_ORIGINS: page.origin } : {}), ...trust }))
  const places: Readonly<Record<Place, (given: Given) => Promise<Report>>> = {
    Node: async (given) => JSON.parse(await project.run('run.js', {}, [JSON.stringify(given)])) as Report,
    Chromium: async (given) => (await page?.talkFor(given)) ?? nothing,
  }
  const devices = where.flatMap((place) => TRANSPORTS.map((transport) => ({ place, transport, device: `${transport} in ${place}` })))
  const prepared = []
  for (const { place, transport, device } of devices) {
    const [manager, ben] = [await createPerson(neda.admin, 'Maya'), await createPerson(neda.admin, 'Ben')]
    const groupId = await createGroup(neda.admin, device, manager, [ben])
    const proxy = stack.use(await tcpProxy(Number(new URL(neda.url).port)))
    const other = stack.use(await otherDevice(neda.url, manager.username, groupId))
    const given = { url: `http://127.0.0.1:${proxy.port}`, username: ben.username, password: PASSWORD, groupId, transport, ms }
    prepared.push({ device, proxy, other, talk: () => places[place](given) })
  }
  return await Promise.all(
    prepared.map(async ({ device, proxy, other, talk }, index) => {
      const failed = (error: unknown): Report => ({ ...nothing, ends: [String(error).slice(0, 500)] })
      const [report, faults] = await Promise.all([talk().catch(failed), badWeather(proxy, ms, index + 1), other.talkFor(ms)])
      return judged({ device, report, faults, happened: other.happened })
    }),
  )
}

const nothing: Report = { events: [], talks: [], ends: [], heard: 0, reconnects: 0 }

/** Cuts, holds back and loses, for so long; then all is well. Answers how often. */
async function badWeather(proxy: TcpProxy, ms: number, seed: number): Promise<number> {
  const random = randomNumbers(seed)
  const until = performance.now() + ms
  const faults = [proxy.cut, proxy.hold, proxy.blackhole, proxy.dropReplies, proxy.stall, proxy.reset]
  let count = 0
  while (performance.now() < until) {
    await sleep(800 + random() * 2_500)
    faults[Math.floor(random() * faults.length)]?.()
    count += 1
    await sleep(300 + random() * 2_200)
    proxy.mend()
    proxy.delay({ up: random() * 60, down: random() * 60 })
  }
  proxy.delay({})
  return count
}

/** Somebody next to the server, who talks now and then and hears everything. */
async function otherDevice(url: string, username: string, groupId: string) {
  const neda = new NedaClient({ url })
  await neda.signIn({ username, password: PASSWORD })
  const happened: string[] = []
  neda.observe(
    SpeakerChangedDocument,
    { groupId },
    { next: ({ speakerChanged }) => happened.push(nameOf(speakerChanged.floor)), ended: () => {} },
  )
  const radio = neda.talk(groupId)
  await radio.ready()
  return {
    happened,
    async talkFor(ms: number) {
      for (const until = performance.now() + ms; performance.now() < until; ) {
        await radio.press()
        await sleep(150)
        radio.release()
        await sleep(700)
      }
    },
    [Symbol.asyncDispose]: () => neda.close(),
  }
}

const nameOf = ({ epoch, sequence }: { epoch: string; sequence: number }) => `${epoch} ${sequence}`

function judged({ device, report, faults, happened }: Omit<Outcome, 'problems'>): Outcome {
  const told = report.events.map(nameOf)
  const since = happened.indexOf(told[0] ?? '')
  const expected = since < 0 ? [] : happened.slice(since)
  const problems = [
    ...(since < 0 ? ['its first event never happened'] : []),
    ...expected.filter((name) => !told.includes(name)).map((name) => `missed ${name}`),
    ...told.filter((name, index) => told.indexOf(name) !== index).map((name) => `was told twice ${name}`),
    ...(told.join() === expected.join() ? [] : ['another order, or something that never happened']),
    ...(report.events.some(({ gap }) => gap) ? ['a gap'] : []),
    ...report.ends.map((code) => `ended with ${code}`),
    ...(report.talks.length === 0 ? ['never talked'] : []),
  ]
  return { device, report, faults, happened: expected, problems }
}

/** Pages of a browser which have the package's files, and nothing else. */
async function pages(project: Project, stack: AsyncDisposableStack) {
  const html = `<!doctype html><script type="importmap">{ "imports": { "@neda/sdk": "/node_modules/@neda/sdk/dist/index.js" } }</script>`
  const server = createServer(({ url = '/' }, response) => {
    const isScript = url.endsWith('.js')
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? readFileSync(join(project.path, normalize(url))) : html)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  stack.defer(() => void server.close())
  const browser = await startChromium()
  stack.defer(() => browser.close())
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    talkFor: async (given: Given): Promise<Report> => {
      const page = await browser.newPage()
      await page.goto(origin)
      // Chromium's own import: the path is the page's.
      return page.evaluate(`import('/device.js').then(({ talkFor }) => talkFor(${JSON.stringify(given)}))`)
    },
  }
}
