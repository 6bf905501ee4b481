import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { buildSchema } from 'graphql'
import { expect, test } from 'vitest'
import { type Asked, Writer } from './documents.ts'
import { complaints, secretsIn } from './oracles.ts'
import { type Asker, type Role, setStage } from './stage.ts'
import { post, type Reply } from './transports.ts'
import { Draw } from './values.ts'

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'))

/** The same requests again: FUZZ_SEED=…, and longer: FUZZ_RUNS=…. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.trunc(Math.random() * 2 ** 31))
const RUNS = Number(process.env.FUZZ_RUNS ?? 400)
/** A busy machine does fewer. */
const MOST_MS = RUNS * 30

const ROLES: readonly Role[] = ['anonymous', 'member', 'member', 'member', 'admin', 'admin']
const WAYS = ['application/json', 'application/graphql-response+json', 'text/event-stream', 'WebSocket', 'WebSocket'] as const

test(
  `whatever is asked, the answer is an answer and no secret is in it (FUZZ_SEED=${SEED})`,
  async () => {
    await using stage = await setStage()
    const askers = new Map<Role, Asker>()
    const codes = new Map<string, number>()
    const { secrets, url } = stage

    async function send(role: Role, way: (typeof WAYS)[number], asked: Asked): Promise<Reply> {
      const asker = askers.get(role) ?? (await stage.enter(role))
      askers.set(role, asker)
      const reply = await (way === 'WebSocket' ? asker.socket.ask(asked) : post(url, asker.token, asked, way))
      // It signed itself out, or another made it.
      if (/"SESSION_REVOKED"|"UNAUTHENTICATED"/.test(reply.text) || reply.closed === 4401) {
        askers.delete(role)
        await asker.socket[Symbol.asyncDispose]()
      }
      return reply
    }

    const anything = fc.asyncProperty(fc.gen(), async (g) => {
      const draw = new Draw(g)
      const [role, way] = [draw.one(ROLES), draw.one(WAYS)]
      const asked = new Writer(draw, schema, stage.pool).request()
      const reply = await send(role, way, asked)
      const [, said = reply.text.includes('"errors"') ? 'an error' : 'data'] = /"code":"([A-Z_]+)"/.exec(reply.text) ?? []
      codes.set(said, (codes.get(said) ?? 0) + 1)
      const wrong = complaints(reply, secrets)
      if (wrong.length > 0) throw new Error(`${wrong.join('\n')}\n${role} over ${way} asked\n${hide(JSON.stringify(asked), secrets)}`)
    })
    await fc.assert(anything, { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: MOST_MS, markInterruptAsFailure: false })

    expect((await fetch(`${url}/readyz`)).status, 'it lives').toBe(200)
    expect(codes.get('data') ?? 0, `it is not refused everything: ${JSON.stringify([...codes])}`).toBeGreaterThan(RUNS / 20)
    for (const { socket } of askers.values()) await socket[Symbol.asyncDispose]()
    await stage.end()
    const printed = stage.printed()
    expect(secretsIn(printed, secrets), 'secrets in what was logged').toEqual([])
    // That there is no media server is said, and no error of ours.
    expect(printed.split('\n').filter((line) => /"level":(50|60)/.test(line) && !line.includes('MediaUnavailable'))).toEqual([])
  },
  MOST_MS + 60_000,
)

/** A failed run is printed, and then is a log too. */
const hide = (text: string, secrets: readonly string[]) =>
  secrets.reduce((hidden, secret, at) => hidden.replaceAll(secret, `<secret ${at}>`), text)
