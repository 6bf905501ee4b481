import type { GroupId } from '../../ids.ts'
import type { Subject } from '../neighbours.ts'

/** A group's keys share its shard's hash tag: what a script touches is in one slot. Never changed: every instance must find the same. */
export const SHARDS = 16

/** A shard by its hash tag, such as `{s3}`. */
export type Shard = string & { readonly shard: unique symbol }

/**
 * Every key there is. `space` keeps apart what shares a Redis, as tests do; it is empty otherwise.
 *
 *     speaker:{s3}:<groupId>      string  who may talk: session, burst, fencing token. Set by SET NX alone
 *     floor:{s3}:<groupId>        hash    the rest of the floor: numbers, holder, queue, voice session
 *     presence:{s3}:<groupId>     zset    device session -> end of its presence lease
 *     devices:{s3}:<groupId>      hash    device session -> user
 *     people:{s3}:<groupId>       hash    user -> names, and since when which of its devices is present
 *     mutes:{s3}:<groupId>        hash    user -> until when
 *     requests:{s3}:<groupId>     hash    what is remembered of floor requests and of sessions' limits
 *     forget:{s3}:<groupId>       zset    field of requests -> when it may be forgotten
 *     floorlog:{s3}:<groupId>     stream  the last floor events, each under its sequence
 *     presencelog:{s3}:<groupId>  stream  the last presence events, each under its sequence
 *     events:{s3}:<groupId>       channel what the group's readers are told
 *     epoch:{s3}                  string  this memory's name, and when it began
 *     deadlines:{s3}              zset    group -> when something there falls due by itself
 *     swept:{s3}                  string  when somebody last looked for what is due
 *     engaged:{s3}                zset    "<session or user> <groupId>": who is present or talks where, in the order of their names
 *     record:{s3}                 stream  what must last, until it is in PostgreSQL
 *     aside:{s3}                  stream  what PostgreSQL refuses to take
 *
 * Beside these there are the counters of limits (limit:<name>:<whom>), which rate-limiter-flexible keeps.
 */
export class Keys {
  readonly shards: readonly Shard[]
  readonly #space: string

  constructor(space = '') {
    this.shards = Array.from({ length: SHARDS }, (_, n) => `{${space}s${n}}` as Shard)
    this.#space = space
  }

  shardOf(groupId: GroupId): Shard {
    // FNV-1a: cheap, and the same everywhere.
    let hash = 0x811c9dc5
    for (let n = 0; n < groupId.length; n++) hash = Math.imul(hash ^ groupId.charCodeAt(n), 0x01000193)
    return this.shards[(hash >>> 0) % SHARDS] as Shard
  }

  eventsChannel(groupId: GroupId): string {
    return `events:${this.shardOf(groupId)}:${groupId}`
  }

  speaker(groupId: GroupId): string {
    return `speaker:${this.shardOf(groupId)}:${groupId}`
  }

  /** What all instances hear. */
  neighboursChannel = (subject: Subject) => `${subject.toLowerCase()}:${this.#space}`
  epoch = (shard: Shard) => `epoch:${shard}`
  record = (shard: Shard) => `record:${shard}`
  aside = (shard: Shard) => `aside:${shard}`
}
