import { setTimeout as sleep } from 'node:timers/promises'
import type { BurstId, RequestId } from '../../../src/ids.ts'
import type { RealtimeEngine } from '../../../src/realtime/engine.ts'
import type { Random } from '../../stress/random.ts'
import { actor } from '../actors.ts'
import type { Play } from './two-instances.ts'

type Mend = NonNullable<Play['mend']>

/** `weather`: it shows only when commands come late or answers are lost. */
export interface PlantedBug extends Pick<Play, 'mend' | 'wrap' | 'weather'> {
  readonly name: string
}

/** Replaces what stands in the file exactly once. */
const swap =
  (file: string, ...pairs: readonly (readonly [find: string, replace: string])[]): Mend =>
  (name, text) =>
    name === file ? pairs.reduce(swapOnce, text) : text

function swapOnce(text: string, [find, replace]: readonly [string, string]): string {
  if (text.split(find).length !== 2) throw new Error(`the bug does not fit any more: ${find}`)
  return text.replace(find, () => replace)
}

const both =
  (one: Mend, other: Mend): Mend =>
  (file, text) =>
    other(file, one(file, text))

/** Each is a mistake that somebody has made in a lock of this kind. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'release without compare: it ends whoever talks',
    mend: swap('release-talk', [
      "elseif known.state == 'HOLDING' and R.lastName(g.holder) == command.requestId then",
      'elseif g.holder then',
    ]),
  },
  {
    name: 'GET, then DEL: the release compares in one step and ends in another',
    mend: swap('revoke-talk', ['g.holder and g.holder.burst.id == command.burstId or false', 'g.holder ~= nil']),
    wrap: releaseInTwoSteps,
  },
  {
    name: 'the token of the last burst is given again',
    mend: swap('rules/burst', [
      'g.token = math.max(g.now == now and micros or g.now * 1000, g.token + 1)',
      'g.token = g.token > 0 and g.token or micros',
    ]),
  },
  {
    name: 'no expiry: a lease never runs out',
    mend: swap('rules/deadlines', ["    consider(holder.leaseUntil, function() R.endBurst('CONNECTION_LOST') end)\n", '']),
  },
  {
    name: 'the expiry of an older burst ends a newer one',
    mend: swap(
      'rules/burst',
      [
        '  g.holder = {\n    burst = burst,\n',
        `  local timer = tonumber(redis.call('HGET', key('floor'), 'timer') or 0)
  if timer <= g.now then timer = g.now + LEASE_MS end
  redis.call('HSET', key('floor'), 'timer', whole(timer))
  g.holder = {
    burst = burst,
`,
      ],
      ['    leaseUntil = g.now + LEASE_MS,\n', '    leaseUntil = timer,\n'],
    ),
  },
  {
    name: 'a renewal revives a lease that has run out',
    mend: both(
      swap('rules/burst', [
        '  g.holder = nil\n',
        "  if endReason == 'CONNECTION_LOST' then redis.call('HSET', key('floor'), 'lapsed', cjson.encode(holder)) end\n  g.holder = nil\n",
      ]),
      swap('renew-talk', [
        'local holder = g.holder\n',
        `local lapsed = not g.holder and redis.call('HGET', key('floor'), 'lapsed')
if lapsed and cjson.decode(lapsed).burst.id == command.burstId then
  g.holder = cjson.decode(lapsed)
  local burst = g.holder.burst
  redis.call('SET', key('speaker'), burst.sessionId .. ' ' .. burst.id .. ' ' .. burst.fencingToken)
end
local holder = g.holder
`,
      ]),
    ),
  },
  {
    name: 'SET without NX: granted although somebody talks',
    mend: both(
      swap('request-talk', ['if g.holder then', 'if g.holder and g.holder.burst.sessionId == command.sessionId then']),
      swap('rules/burst', ["speakerOf(burst), 'NX')", 'speakerOf(burst))']),
    ),
  },
  {
    name: 'a repeat is taken for a new press',
    mend: swap('request-talk', ['  if known then return repeated(known) end\n', '']),
  },
  {
    name: 'a press is served however late it comes',
    mend: swap('rules/group', ["if ARGV[3] ~= '' and now > tonumber(ARGV[3]) then", 'if false then']),
    weather: { faults: ['hold'], on: 'BOTH' },
  },
  {
    name: 'what a failed press began is left to its lease',
    mend: swap('abandon-talk', ["  R.endBurst('NOT_STARTED')\n", '']),
    weather: { faults: ['dropReplies'], on: 'ONE' },
  },
  {
    name: 'what has been taken up since is ended with the press that failed',
    mend: swap('abandon-talk', [' and not one.takenUp', '']),
    weather: { faults: ['dropReplies'], on: 'ONE' },
  },
]

/** Now and then this process stands still in between, as processes do. */
function releaseInTwoSteps(engine: RealtimeEngine, random: Random, lastNames: Map<BurstId, RequestId>): RealtimeEngine {
  const by = actor(engine, 'nobody' as never, 'nobody').person
  const requestTalk: RealtimeEngine['requestTalk'] = async (command) => {
    const answer = await engine.requestTalk(command)
    if (answer.outcome === 'GRANTED' && answer.burst) lastNames.set(answer.burst.id, command.requestId)
    return answer
  }
  const releaseTalk: RealtimeEngine['releaseTalk'] = async (command) => {
    const { groupId, sessionId, requestId } = command
    const { burst } = (await engine.floorLog.read(groupId)).snapshot
    if (burst?.sessionId !== sessionId || lastNames.get(burst.id) !== requestId) return engine.releaseTalk(command)
    await sleep(random.chance(0.3) ? 4_100 : random.between(0, 50))
    const { floor } = await engine.revokeTalk({ groupId, burstId: burst.id, by })
    return { released: true, floor }
  }
  return Object.assign(Object.create(engine) as RealtimeEngine, { requestTalk, releaseTalk })
}
