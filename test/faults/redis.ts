import type { Fault } from './fault.ts'
import { redisScriptFaults } from './redis-scripts.ts'

/** Mistakes in what stands between an instance and Redis: late and lost commands, clocks that jump, sweeps, and what is read and gathered. */

const LATE: readonly string[] = ['test/realtime/redis/late.test.ts']
const CLOCK: readonly string[] = ['test/realtime/redis/late-clock.test.ts']
const MEMORY: readonly string[] = ['test/realtime/redis/late-memory.test.ts']
const LAPSES: readonly string[] = ['test/realtime/redis/late-lapses.test.ts']
const CONTENDED: readonly string[] = ['test/realtime/redis/contended.test.ts']
const MODEL: readonly string[] = ['test/realtime/redis/model.test.ts']
const BATCHES: readonly string[] = ['test/realtime/redis/model-batch.test.ts']
const CONTRACT: readonly string[] = ['test/realtime/redis/redis-engine.test.ts']

const ENGINE = 'src/realtime/redis/redis-engine.ts'
const ABANDONED = 'src/realtime/redis/abandoned.ts'
const ABANDON = 'src/realtime/redis/lua/abandon-talk.lua'
const SWEEPER = 'src/realtime/redis/sweeper.ts'
const WIRE = 'src/realtime/redis/wire.ts'
const BATCH = 'src/realtime/redis/batch.ts'

const engineFaults: readonly Fault[] = [
  {
    rule: '17.1',
    name: 'Redis: a press has no deadline',
    file: ENGINE,
    find: 'links.clock.now() + PRESS_WITHIN_MS',
    replace: 'links.clock.now() + 3_600_000',
    tests: LATE,
  },
  {
    rule: '17.1',
    name: 'Redis: a press that is late is served',
    file: 'src/realtime/redis/lua/rules/group.lua',
    find: "if ARGV[3] ~= '' and now > tonumber(ARGV[3]) then",
    replace: 'if false then',
    tests: LATE,
  },
  {
    rule: '17.1',
    name: "Redis: a press is refused when Redis' clock has jumped",
    file: ENGINE,
    find: '    if (reply.isLate && performance.now() - sentAt < PRESS_WITHIN_MS / 4) reply = await press()\n',
    replace: '',
    tests: CLOCK,
  },
  {
    rule: '17.1',
    name: "Redis: an instance does not notice that Redis' clock was set back",
    file: 'src/realtime/redis/redis-clock.ts',
    find: 'if (wasSetAnew || sample.error <= bound)',
    replace: 'if (sample.error <= bound)',
    tests: CLOCK,
  },
  {
    rule: '17.1',
    name: 'Redis: a script that Redis has forgotten is not sent again',
    file: 'src/realtime/redis/scripts.ts',
    find: "error.message.startsWith('NOSCRIPT')",
    replace: "error.message.startsWith('NOSCRIPTS')",
    tests: CONTENDED,
  },
  {
    rule: '2.3',
    name: 'Redis: an instance does not remember the last token',
    file: ENGINE,
    find: '    if (token > this.#fencingToken) this.#fencingToken = token\n',
    replace: '',
    tests: MEMORY,
  },
  {
    rule: '14.5',
    name: 'Redis: nobody is told that Redis has forgotten',
    file: ENGINE,
    find: '      this.#tellForgotten(new Map([[shard, began]]))\n',
    replace: '',
    tests: MEMORY,
  },
  {
    rule: '12.3',
    name: 'Redis: an eviction from everywhere reaches one shard',
    file: ENGINE,
    find: "    else await this.#everywhere('evict', command)\n",
    replace: "    else await this.#run('evict', this.#options.keys.shards[0] as Shard, command)\n",
    tests: CONTRACT,
  },
  {
    rule: '23.2',
    name: 'Redis: a heartbeat answers whatever groups it was asked for',
    file: ENGINE,
    find: 'return groupIds.filter((groupId) => found.has(groupId))',
    replace: 'return groupIds.filter((groupId) => found.has(groupId) || true)',
    tests: CONTRACT,
  },
]

const abandonedFaults: readonly Fault[] = [
  {
    rule: '17.2',
    name: 'Redis: what a failed press began is left to its lease',
    file: ENGINE,
    find: 'if (!(error instanceof TooLate) && !wasNotSent(error))',
    replace: 'if (error instanceof TooLate)',
    tests: LATE,
  },
  {
    rule: '17.2',
    name: 'Redis: a press that is answered too late counts as answered',
    file: ENGINE,
    find: 'const ANSWER_WITHIN_MS = 450',
    replace: 'const ANSWER_WITHIN_MS = 5_000',
    tests: LATE,
  },
  {
    rule: '17.2',
    name: 'Redis: a failed press is ended once, and not when it can no longer arrive',
    file: ABANDONED,
    find: 'if (isLast) this.#waiting.delete(attempt)',
    replace: 'this.#waiting.delete(attempt)',
    tests: LATE,
  },
  {
    rule: '17.2',
    name: 'Redis: a failed press is not ended if Redis is still away',
    file: ABANDONED,
    find: '        // Away again: it is tried again.\n',
    replace: '        this.#waiting.delete(attempt)\n',
    tests: LATE,
  },
  {
    rule: '17.2',
    name: 'Redis: a failed press is tried again when the next one fails only',
    file: ABANDONED,
    find: '    this.#later(RETRY_MS)\n',
    replace: '',
    tests: LATE,
  },
  {
    rule: '17.2',
    name: 'Redis: what has been taken up since is ended',
    file: ABANDON,
    find: ' and not one.takenUp',
    replace: '',
    tests: LATE,
  },
  {
    rule: '17.2',
    name: 'Redis: whatever runs is ended with a press that failed',
    file: ABANDON,
    find: 'return burstId == command.burstId and not one.takenUp',
    replace: 'return not one.takenUp',
    tests: MODEL,
  },
  {
    rule: '17.2',
    name: 'Redis: the entry of a failed press waits on',
    file: ABANDON,
    find: '  if waiter and isMeant(waiter, waiter.burstId) then R.withdraw(waiter) end\n',
    replace: '',
    tests: LATE,
  },
]

const readingFaults: readonly Fault[] = [
  {
    rule: '6.1',
    name: 'Redis: nobody sweeps by itself',
    file: SWEEPER,
    find: 'if (!deps.isManual) this.#everything =',
    replace: 'if (deps.isManual) this.#everything =',
    tests: MEMORY,
  },
  {
    rule: '5.7',
    name: 'Redis: what was set before the clock went back is not swept',
    file: 'src/realtime/redis/lua/sweep.lua',
    find: "settle(redis.call('ZRANGEBYSCORE', shardKey('deadlines'), whole(now + FURTHEST_MS), '+inf', 'LIMIT', 0, MOST_AT_ONCE))\n",
    replace: '',
    tests: CLOCK,
  },
  {
    rule: '6.1',
    name: 'Redis: a sweep that fails ends the process',
    file: SWEEPER,
    find: '    } catch {\n',
    replace: '    } catch (error) {\n      throw error\n',
    tests: LATE,
  },
  {
    rule: '6.2',
    name: 'Redis: an end is not written down, and whoever looks ends the burst again',
    file: 'src/realtime/redis/lua/rules/burst.lua',
    find: "  R.changed('holder', 'voiceSession')\n",
    replace: "  R.changed('voiceSession')\n",
    tests: LAPSES,
  },
  {
    rule: '2.1',
    name: 'Redis: tokens are read as numbers',
    file: WIRE,
    find: 'fencingToken: BigInt(fencingToken) }',
    replace: 'fencingToken: Number(fencingToken) as never }',
    tests: MODEL,
  },
  {
    rule: '14.2',
    name: 'Redis: the burst that an event ended is told as it was written',
    file: WIRE,
    find: '  previous: burstOrNull(written.previous),\n',
    replace: '',
    tests: MODEL,
  },
  {
    rule: '23.8',
    name: 'Redis: a user is present since the last device came',
    file: WIRE,
    find: 'since: Math.min(...since)',
    replace: 'since: Math.max(...since)',
    tests: MODEL,
  },
  {
    rule: '23.8',
    name: 'Redis: who is present is named in any order',
    file: WIRE,
    find: 'everyone: everyone.toSorted(byArrival)',
    replace: 'everyone: everyone.toReversed()',
    tests: MODEL,
  },
  {
    rule: '23.2',
    name: 'Redis: who beats together gets the answer of the first',
    file: BATCH,
    find: 'asked.resolve(results[n] as Result)',
    replace: 'asked.resolve(results[n && 0] as Result)',
    tests: BATCHES,
  },
  {
    rule: '17.1',
    name: 'Redis: a batch that fails leaves who asked waiting',
    file: BATCH,
    find: '      for (const { asked } of batch) asked.reject(error)\n',
    replace: '      void error\n',
    tests: BATCHES,
  },
  {
    rule: '18.2',
    name: 'Redis: who waits for a batch at the end waits for ever',
    file: BATCH,
    find: "    for (const { asked } of this.#waiting.splice(0)) asked.reject(new Error('the engine has stopped'))\n",
    replace: '',
    tests: BATCHES,
  },
]

export const redisFaults: readonly Fault[] = [...redisScriptFaults, ...engineFaults, ...abandonedFaults, ...readingFaults]
