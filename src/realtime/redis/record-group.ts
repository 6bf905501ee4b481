import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import type { Keys, Shard } from './keys.ts'
import type { Links } from './links.ts'

/** A piece of a shard's record: what one script wrote. */
export interface Piece {
  readonly shard: Shard
  readonly id: string
  readonly json: string
}

/** A piece that is done with: written, or with the reason why it can never be. */
export interface Finished {
  readonly shard: Shard
  readonly id: string
  readonly refusal: string | null
}

type Entry = readonly [id: string, fields: readonly string[] | null]

const GROUP = 'history'
const BLOCK_MS = 1_000
/** An entry whose consumer has shown no life for this long is taken over. */
const ABANDONED_MS = 3_000
/** A consumer not heard of for this long, with nothing left to do, is forgotten. If it lives after all, it is known again at its next entry. */
const GONE_MS = 5_000
const MOST_ASIDE = 1_000
const LONGEST_REASON = 500

const readScript = (name: string) => readFileSync(new URL(`lua/record/${name}.lua`, import.meta.url), 'utf8')
const ACKNOWLEDGE = readScript('acknowledge')
const CLAIM = readScript('claim')

/** All instances as one group of consumers of all shards' records; this one is named by its life, not by its machine. */
export class RecordGroup {
  readonly #commands: Redis
  /** Waits for entries, and does nothing else. */
  readonly #reader: Redis
  readonly #keys: Keys
  readonly #consumer: string
  readonly #shardOf: ReadonlyMap<string, Shard>
  #readerId: number | null = null

  constructor(links: Pick<Links, 'commands' | 'blocking'>, keys: Keys, consumer: string) {
    this.#commands = links.commands
    this.#reader = links.blocking(BLOCK_MS)
    this.#reader.on('close', () => {
      this.#readerId = null
    })
    this.#keys = keys
    this.#consumer = consumer
    this.#shardOf = new Map(keys.shards.map((shard) => [keys.record(shard), shard]))
  }

  /** Makes what is missing, from the first entry on: Redis may have forgotten the group, and the scripts written entries since. */
  async create(): Promise<void> {
    const made = this.#keys.shards.map((shard) => this.#commands.xgroup('CREATE', this.#keys.record(shard), GROUP, '0', 'MKSTREAM'))
    for (const { reason } of rejected(await Promise.allSettled(made))) if (!says(reason, 'BUSYGROUP')) throw reason
  }

  /** Waits for what nobody has been given yet; nothing after a while. */
  async read(perShard: number): Promise<Piece[]> {
    // While a connection is being made ioredis takes the one command and refuses the other.
    if (this.#reader.status !== 'ready') throw new Error('the connection for reading is not there yet')
    this.#readerId ??= await this.#reader.client('ID')
    const streams = [...this.#shardOf.keys()]
    const args = [GROUP, this.#consumer, 'COUNT', perShard, 'BLOCK', BLOCK_MS, 'STREAMS', ...streams, ...streams.map(() => '>')]
    const answer = (await this.#reader.call('XREADGROUP', 'GROUP', ...args)) as [key: string, entries: Entry[]][] | null
    return (answer ?? []).flatMap(([key, entries]) => this.#pieces(this.#shardOf.get(key), entries))
  }

  /** Ends the waiting of a reader. */
  async endReading(): Promise<void> {
    if (this.#readerId !== null) await this.#commands.client('UNBLOCK', this.#readerId)
  }

  /** Says that this consumer lives and still has these in hand; answers what it takes over. */
  async claim(perShard: number, inHand: readonly Omit<Piece, 'json'>[]): Promise<Piece[]> {
    const held = Map.groupBy(inHand, ({ shard }) => shard)
    const claims = this.#keys.shards.map(async (shard) => {
      const ids = (held.get(shard) ?? []).map(({ id }) => id)
      const args = [GROUP, this.#consumer, ABANDONED_MS, GONE_MS, perShard, ...ids]
      return this.#pieces(shard, (await this.#commands.eval(CLAIM, 1, this.#keys.record(shard), ...args)) as Entry[])
    })
    return (await Promise.all(claims)).flat()
  }

  /** Takes them off the record, or puts them aside: each in one step. Answers those for which it could not be done, and why. */
  async acknowledge(finished: readonly Finished[]): Promise<{ left: Finished[]; error: unknown }> {
    const shards = [...Map.groupBy(finished, ({ shard }) => shard)]
    const done = await Promise.allSettled(
      shards.map(([shard, some]) => {
        const pairs = some.flatMap(({ id, refusal }) => [id, refusal === null ? '' : refusal.slice(0, LONGEST_REASON) || 'refused'])
        return this.#commands.eval(ACKNOWLEDGE, 2, this.#keys.record(shard), this.#keys.aside(shard), GROUP, MOST_ASIDE, ...pairs)
      }),
    )
    const left = shards.filter((_, n) => done[n]?.status === 'rejected').flatMap(([, some]) => some)
    return { left, error: rejected(done)[0]?.reason }
  }

  /** Resolves when what is in the shard's record now is no longer there. */
  async emptied(shard: Shard, look: () => Promise<boolean>): Promise<void> {
    const key = this.#keys.record(shard)
    const [last] = await this.#commands.xrevrange(key, '+', '-', 'COUNT', 1)
    if (!last) return
    while (await look()) if ((await this.#commands.xrange(key, '-', last[0], 'COUNT', 1)).length === 0) return
  }

  #pieces(shard: Shard | undefined, entries: readonly Entry[]): Piece[] {
    // What is no entry of ours is none for who reads it either, and goes aside.
    return shard ? entries.map(([id, fields]) => ({ shard, id, json: fields?.[1] ?? '' })) : []
  }
}

/** Redis forgot the group, or all that it knew. */
export const isGroupForgotten = (error: unknown) => says(error, 'NOGROUP') || says(error, 'UNBLOCKED')

/** A connection is gone, or nothing comes over it: that is for its link to say. What Redis refuses, and mistakes of ours, have other names. */
export const isOfTheLink = (error: unknown) =>
  error instanceof Error && ['Error', 'MaxRetriesPerRequestError', 'AbortError'].includes(error.name)

const says = (error: unknown, word: string) => error instanceof Error && error.message.includes(word)
const rejected = (results: readonly PromiseSettledResult<unknown>[]) => results.filter((result) => result.status === 'rejected')
