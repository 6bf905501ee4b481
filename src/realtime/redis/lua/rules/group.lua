-- The group at hand, in the time and the epoch of this script. A command opens a group, settles what is due, follows its rule, and closes it.
--
-- Every command has the same frame (scripts.ts):
--   KEYS[1]  a key of the shard, for Redis Cluster to find the node
--   ARGV[1]  the shard's hash tag
--   ARGV[2]  engine time in ms where tests set it; empty: Redis TIME
--   ARGV[3]  engine time in ms after which this command comes too late; empty: never
--   ARGV[4]  "<name> <fencing token>": what a new epoch is called, and the token that its first is greater than
--   ARGV[5]  the command, as JSON
-- Its result is {'LATE', micros}, or {'DONE', micros, when something in the shard falls due next, who got or lost a floor as JSON,
-- ...what the command answers}.

local R = {} -- the rules, by name
local g -- the group at hand
local holdings = {} -- who got or lost a floor, in all groups

local LEASE_MS, LEASE_AFTER_CLOSE_MS, ACCEPT_WITHIN_MS, QUEUE_LIMIT_MS = 4000, 2000, 2000, 30000
local LONGEST_GRACE_MS, RETRY_AFTER_LIMIT_MS, VOICE_SESSION_IDLE_MS = 3000, 3000, 60000
local PRESENCE_LEASE_MS, PRESENCE_AFTER_CLOSE_MS = 9500, 5000
local REMEMBER_MS, PRESS_BURST = 600000, 2
-- So many events are kept for who comes back, and so long after the last one.
local KEPT_EVENTS, KEPT_MS = 256, 900000

local null = cjson.null
local function some(value) if value ~= null then return value end end
local function orNull(value) if value == nil then return null end return value end

local tag, command = ARGV[1], cjson.decode(ARGV[5])
local function shardKey(kind) return kind .. ':' .. tag end
local function key(kind) return kind .. ':' .. tag .. ':' .. g.id end

local micros
if ARGV[2] == '' then
  local time = redis.call('TIME')
  micros = time[1] * 1000000 + time[2]
else
  micros = ARGV[2] * 1000
end
local now = math.floor(micros / 1000)
local function whole(number) return string.format('%.0f', number) end

if ARGV[3] ~= '' and now > tonumber(ARGV[3]) then return { 'LATE', whole(micros) } end

local epoch = redis.call('GET', shardKey('epoch'))
if not epoch then
  -- Nothing is known: this memory begins now.
  local name, token = ARGV[4]:match('^(%S+) (%d+)$')
  epoch = name .. ' ' .. whole(now) .. ' ' .. token
  redis.call('SET', shardKey('epoch'), epoch)
end
local epochName, epochBegan, epochToken = epoch:match('^(%S+) (%d+) (%d+)$')

-- Nobody could show a sign of life while nobody could reach this memory: such a time does not count against who was present.
local UNREACHED_MS = 2000
local swept = tonumber(redis.call('GET', shardKey('swept')))
if swept and now - swept > UNREACHED_MS then
  for _, id in ipairs(redis.call('ZRANGE', shardKey('deadlines'), 0, -1)) do
    local presence = 'presence:' .. tag .. ':' .. id
    for _, sessionId in ipairs(redis.call('ZRANGE', presence, 0, -1)) do
      redis.call('ZINCRBY', presence, whole(now - swept), sessionId)
    end
  end
  redis.call('SET', shardKey('swept'), whole(now))
end

local function result(...)
  local due = redis.call('ZRANGE', shardKey('deadlines'), 0, 0, 'WITHSCORES')
  return { 'DONE', whole(micros), due[2] or '', #holdings > 0 and cjson.encode(holdings) or '', ... }
end

local FIELDS = { 'epoch', 'sequence', 'presenceSequence', 'token', 'closed', 'arrivals', 'holder', 'preemption', 'queue', 'voiceSession' }

function R.open(id)
  g = { id = id, now = now, changed = {}, published = {}, messages = {}, records = {} }
  local read = redis.call('HMGET', key('floor'), unpack(FIELDS))
  if read[1] ~= epochName then
    -- A new group, or what an earlier epoch left of it.
    for _, kind in ipairs({ 'speaker', 'floor', 'presence', 'devices', 'people', 'mutes', 'requests', 'forget', 'floorlog', 'presencelog' }) do
      redis.call('DEL', key(kind))
    end
    read = {}
    g.changed.epoch = epochName
  end
  g.sequence, g.presenceSequence = tonumber(read[2] or 0), tonumber(read[3] or 0)
  g.token, g.arrivals = tonumber(read[4] or epochToken), tonumber(read[6] or 0)
  g.closed = read[5] == '1'
  g.holder = read[7] and cjson.decode(read[7])
  g.preemption = read[8] and cjson.decode(read[8])
  g.queue = read[9] and cjson.decode(read[9]) or {}
  g.voiceSession = read[10] and cjson.decode(read[10])
  g.placesBefore = {}
  for place, waiter in ipairs(R.waiting()) do g.placesBefore[waiter.sessionId] = place end
  R.settle()
end

-- What is not said to be changed is not written.
function R.changed(...)
  for _, field in ipairs({ ... }) do g.changed[field] = true end
end

local function written(field)
  local value = g[field]
  if field == 'queue' and #value == 0 then return nil end
  if type(value) == 'table' then return cjson.encode(value) end
  if type(value) == 'boolean' then return value and '1' or nil end
  return value and whole(value)
end

function R.close()
  R.tellPositions()
  for field, value in pairs(g.changed) do
    local text = type(value) == 'string' and value or written(field)
    if text then redis.call('HSET', key('floor'), field, text) else redis.call('HDEL', key('floor'), field) end
  end
  R.forget()
  R.publish()
  local due = R.nextDeadline()
  if due then redis.call('ZADD', shardKey('deadlines'), whole(due), g.id) else redis.call('ZREM', shardKey('deadlines'), g.id) end
end
