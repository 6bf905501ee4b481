import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dataFolder } from '../support/data-folder.ts'
import { Received } from '../support/received.ts'
import { startNedaProcess } from '../support/start-neda.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

let url: string
const stack = new AsyncDisposableStack()
beforeAll(async () => {
  const { path } = stack.use(await dataFolder())
  const neda = await startNedaProcess({ NEDA_DATA_DIR: path })
  stack.defer(() => neda.end('SIGTERM').then(() => undefined))
  url = neda.url
})
afterAll(() => stack.disposeAsync())

/** Somebody at the demo, whose keys come from a pipe. */
function atDemo(...args: readonly string[]) {
  const child = spawn(process.execPath, ['demo/main.ts', '--url', url, ...args], { cwd: ROOT })
  stack.defer(() => void child.kill('SIGKILL'))
  const lines = new Received<string>()
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', (line) => lines.add(line))
  const ended = once(child, 'close')
  return {
    press: (key: string) => child.stdin.write(key),
    /** The next line that ends so; those before it are read over. */
    sees: (end: string) => lines.find((line) => line.endsWith(end), 20_000),
    /** The exit code, and all that was said besides how things stood. */
    async leaves(how: 'Ctrl-C' | 'no more keys' | null = null) {
      if (how === 'Ctrl-C') child.stdin.write('\u0003')
      if (how === 'no more keys') child.stdin.end()
      const [code] = (await ended) as [number | null]
      return { code, said: lines.items.filter((line) => !line.startsWith('[')) }
    },
  }
}

test('one talks and the other sees who, is denied, waits, and has the floor when the first lets go', async () => {
  const ben = atDemo('ben', '--transport', 'sse')
  await ben.sees('[Night watch] live | here: you | nobody talks')
  const cleo = atDemo('cleo', '--transport', 'websocket')
  await ben.sees('Cleo is here')
  await cleo.sees('[Night watch] live | here: you, Ben | nobody talks')

  ben.press(' ')
  await ben.sees('GRANTED: talk, 1 can hear you')
  await ben.sees('YOU TALK')
  await cleo.sees('TAKEN: Ben talks')
  await cleo.sees('here: you, Ben | Ben talks')
  cleo.press(' ')
  await cleo.sees('DENIED: Ben talks')
  cleo.press('q')
  await cleo.sees('QUEUED behind Ben')
  await cleo.sees('you wait, number 1')

  ben.press(' ')
  await ben.sees('RELEASED')
  await cleo.sees('GRANTED: talk, 1 can hear you')
  await ben.sees('TAKEN: Cleo talks')
  const cleos = await cleo.leaves('Ctrl-C')
  expect([cleos.code, cleos.said.at(-1)]).toEqual([0, 'RELEASED'])
  await ben.sees('IDLE: nobody talks')
  await ben.sees('Cleo has left')

  // The last key of a pipe is pressed too.
  ben.press(' ')
  const bens = await ben.leaves('no more keys')
  expect([bens.code, ...bens.said.slice(-2)]).toEqual([0, 'GRANTED: talk, but nobody is here', 'RELEASED'])
})

test('what cannot be is said in one sentence, and the exit code tells it', async () => {
  const refusals: readonly (readonly [args: readonly string[], sentence: string | RegExp])[] = [
    [['zoe'], /^zoe cannot sign in with this password: /],
    [['admin'], 'admin is no member of "Night watch".'],
    [['ben', '--group', 'Stage'], 'ben is in no group "Stage", but in: Night watch.'],
    [['ben', '--url', 'http://127.0.0.1:1'], /^No NEDA answers at http:\/\/127.0.0.1:1: start one with npm start/],
    [[], /^Say who you are: npm run demo -- ben /],
    [['ben', '--transport', 'pigeon'], /^Say who you are: /],
    [['ben', '--loud'], /^Say who you are: /],
  ]
  const answers = await Promise.all(refusals.map(([args]) => atDemo(...args).leaves()))
  expect(answers).toEqual(
    refusals.map(([, sentence]) => ({
      code: 1,
      said: [typeof sentence === 'string' ? sentence : expect.stringMatching(sentence)],
    })),
  )
})
