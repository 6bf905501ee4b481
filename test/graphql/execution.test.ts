import { GraphQLInt, GraphQLObjectType, GraphQLSchema, GraphQLString, parse } from 'graphql'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { Execution } from '../../src/graphql/execution.ts'
import { Feed } from '../../src/realtime/feed.ts'

const log = pino({ level: 'silent' })

interface Event {
  readonly n: number
}

/** A subscription with a field that is marked as a pure function of its event, and one that is not. */
function world() {
  const resolved: string[] = []
  const contexts: unknown[] = []
  const feeds: Feed<Event>[] = []
  const Told = new GraphQLObjectType<Event, { viewer: string }>({
    name: 'Told',
    fields: {
      n: {
        type: GraphQLInt,
        extensions: { selfContained: true },
        resolve: ({ n }) => {
          resolved.push(`n${n}`)
          return n
        },
      },
      viewer: {
        type: GraphQLString,
        resolve: (_event, _args, context) => {
          contexts.push(context)
          return context.viewer
        },
      },
    },
  })
  const subscribe = () => {
    const feed = new Feed<Event>()
    feeds.push(feed)
    return feed
  }
  const told = {
    type: Told,
    args: { of: { type: GraphQLString } },
    extensions: { selfContained: true },
    subscribe,
    resolve: (event: unknown) => event,
  }
  const schema = new GraphQLSchema({
    query: new GraphQLObjectType({ name: 'Query', fields: { n: { type: GraphQLInt } } }),
    subscription: new GraphQLObjectType({ name: 'Subscription', fields: { told } }),
  })
  const execution = new Execution(log)
  const documents = new Map<string, ReturnType<typeof parse>>()
  const watch = async (text: string, viewer: string, variableValues = {}) => {
    const document = documents.get(text) ?? parse(text)
    documents.set(text, document)
    const events = await execution.subscribe({ schema, document, variableValues, contextValue: { viewer } })
    if (!('next' in events)) throw new Error(JSON.stringify(events))
    return events
  }
  const tell = (n: number) => {
    const event = { n }
    for (const feed of feeds) feed.push(event)
  }
  return { execution, watch, tell, feeds, resolved, contexts }
}

describe('an event', () => {
  test('is executed and serialised once for all who watch it with the same document and variables', async () => {
    const { execution, watch, tell, resolved } = world()
    const watchers = await Promise.all(['ann', 'bob', 'cat'].map((viewer) => watch('subscription { told { n } }', viewer)))
    tell(1)
    const results = await Promise.all(watchers.map(async (events) => (await events.next()).value))
    expect(resolved).toEqual(['n1'])
    expect(new Set(results).size).toBe(1)
    expect(results[0]).toMatchObject({ data: { told: { n: 1 } } })
    expect(execution.textOf(results[0] ?? {})).toBe('{"data":{"told":{"n":1}}}')
  })

  test('is executed anew for another document or other variables', async () => {
    const { watch, tell, resolved } = world()
    const text = 'subscription ($of: String) { told(of: $of) { n } }'
    const watchers = await Promise.all([
      watch(text, 'ann', { of: 'a' }),
      watch(text, 'ann', { of: 'b' }),
      watch('subscription { told { m: n } }', 'ann'),
    ])
    tell(1)
    const results = await Promise.all(watchers.map(async (events) => (await events.next()).value))
    expect(resolved).toEqual(['n1', 'n1', 'n1'])
    expect(results[2]).toMatchObject({ data: { told: { m: 1 } } })
  })

  test('is executed for each subscriber, in a context of its own, as soon as one field needs to know who asks', async () => {
    const { watch, tell, contexts } = world()
    const watchers = await Promise.all(
      ['ann', 'bob'].map((viewer) => watch('subscription { told { n ...F } } fragment F on Told { viewer }', viewer)),
    )
    for (const n of [1, 2]) {
      tell(n)
      const results = await Promise.all(watchers.map(async (events) => (await events.next()).value))
      expect(results).toMatchObject([{ data: { told: { n, viewer: 'ann' } } }, { data: { told: { n, viewer: 'bob' } } }])
    }
    expect(new Set(contexts).size).toBe(4)
  })

  test('ends with its stream, and a stream that is returned is closed at its source', async () => {
    const { watch, feeds } = world()
    let closed = 0
    const [events, other] = await Promise.all([watch('subscription { told { n } }', 'ann'), watch('subscription { told { n } }', 'bob')])
    feeds[0]?.onEnd(() => (closed += 1))
    const waiting = events.next()
    await events.return()
    expect(await waiting).toEqual({ value: undefined, done: true })
    expect(closed).toBe(1)
    feeds[1]?.end('SLOW_CONSUMER')
    await other.next()
    expect((await other.next()).done).toBe(true)
  })
})
