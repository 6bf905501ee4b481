import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startNeda } from '../support/start-neda.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { endure } from './endurance-run.ts'
import { expectWell } from './expect-well.ts'
import { type Project, projectWithSdk } from './packed-sdk.ts'

let project: Project
beforeAll(async () => {
  project = await projectWithSdk()
})
afterAll(() => project?.[Symbol.asyncDispose]())

const README = new URL('../../sdk/README.md', import.meta.url)

test('the package brings nothing but itself, and has what its README says', async () => {
  const lock = JSON.parse(await readFile(join(project.path, 'package-lock.json'), 'utf8')) as { packages: object }
  expect(Object.keys(lock.packages)).toEqual(['', 'node_modules/@neda/sdk'])
  const [, size] = /with gzip|: [\d.]+ kB, ([\d.]+) kB with gzip/.exec(project.said) ?? []
  expect(Number(size), project.said).toBeLessThan(25)
  const { operations } = JSON.parse(await readFile(join(project.path, 'node_modules/@neda/sdk/dist/documents.json'), 'utf8')) as {
    operations: { type: string }[]
  }
  expect(operations.filter(({ type }) => type === 'subscription')).toHaveLength(3)
})

test("the README's ten lines talk to what npm start starts", async () => {
  const [, code = ''] = /```js\n(.*?)```/s.exec(await readFile(README, 'utf8')) ?? []
  expect(code.trim().split('\n')).toHaveLength(10)
  await using folder = await temporaryFolder()
  await using neda = await startNeda({ NEDA_DATA_DIR: join(folder.path, 'data') })
  await project.write('readme.js', code)
  expect(await project.run('readme.js', { NEDA_URL: neda.url })).toBe('GRANTED TALKING\nRELEASED IDLE\n')
})

test('its declarations are enough for a strict app that knows nothing else', async () => {
  await project.write(
    'app.ts',
    `import { NedaClient, type NedaError, RequestTalkDocument, type TalkSessionState } from '@neda/sdk'
const neda = new NedaClient({ url: 'http://localhost', transport: 'sse' })
const show = ({ talk }: TalkSessionState): string => (talk.phase === 'TALKING' ? talk.burst.speaker.displayName : talk.phase)
export const burst = async (groupId: string) => (await neda.execute(RequestTalkDocument, { input: { groupId, requestId: 'one', queue: true } })).requestTalk.burst
neda.talk('g').subscribe((state, cue) => console.log(show(state), cue === 'GRANTED'))
export const why = (error: NedaError): string => error.code
// @ts-expect-error there is no such variable
void neda.execute(RequestTalkDocument, { group: 'g' })
`,
  )
  const options = { strict: true, target: 'es2022', module: 'nodenext', lib: ['es2022', 'dom'], types: [], noEmit: true }
  await project.write('tsconfig.json', JSON.stringify({ compilerOptions: options, files: ['app.ts'] }))
  expect(await project.run(fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url)))).toBe('')
})

test('it talks on each transport through a network that cuts and stalls, and misses and repeats nothing', async () => {
  expectWell(await endure(project, ['Node'], 10_000))
}, 120_000)
