-- Who is present: a lease per device session in a sorted set, and what it makes of users.

-- Where a session or a user is present or talks, to find it again by its name alone.
function R.engage(sessionId, userId)
  redis.call('ZADD', shardKey('engaged'), 0, sessionId .. ' ' .. g.id, 0, userId .. ' ' .. g.id)
end

function R.disengage(sessionId, userId)
  local burst = g.holder and g.holder.burst
  if not (burst and burst.sessionId == sessionId) and not redis.call('ZSCORE', key('presence'), sessionId) then
    redis.call('ZREM', shardKey('engaged'), sessionId .. ' ' .. g.id)
  end
  if not (burst and burst.speaker.id == userId) and redis.call('HEXISTS', key('people'), userId) == 0 then
    redis.call('ZREM', shardKey('engaged'), userId .. ' ' .. g.id)
  end
end

function R.engagedIn(name)
  local groups = redis.call('ZRANGEBYLEX', shardKey('engaged'), '[' .. name .. ' ', '(' .. name .. '!')
  for n, member in ipairs(groups) do groups[n] = member:sub(#name + 2) end
  return groups
end

local function member(user)
  local devices, since = 0, math.huge
  for _, at in pairs(user.sessions) do
    devices, since = devices + 1, math.min(since, at)
  end
  return { person = user.person, devices = devices, since = since }
end

-- Makes a device present, or renews the lease of one that is.
function R.join(person, sessionId)
  local present = redis.call('ZSCORE', key('presence'), sessionId)
  redis.call('ZADD', key('presence'), whole(g.now + PRESENCE_LEASE_MS), sessionId)
  if present then return end
  local known = redis.call('HGET', key('people'), person.id)
  local user = known and cjson.decode(known) or { sessions = {} }
  user.person = person
  user.sessions[sessionId] = g.now
  redis.call('HSET', key('people'), person.id, cjson.encode(user))
  redis.call('HSET', key('devices'), sessionId, person.id)
  R.engage(sessionId, person.id)
  R.tellPresence(known and 'UPDATED' or 'JOINED', member(user))
end

-- Takes a device out, by its own wish, by lapse or by loss of rights. Who is not there does not wait; a burst has its own lease.
function R.depart(sessionId)
  local waiter = R.waiterOf(sessionId)
  if waiter then R.withdraw(waiter) end
  local userId = redis.call('HGET', key('devices'), sessionId)
  if not userId then return end
  local user = cjson.decode(redis.call('HGET', key('people'), userId))
  local since = user.sessions[sessionId]
  user.sessions[sessionId] = nil
  redis.call('ZREM', key('presence'), sessionId)
  redis.call('HDEL', key('devices'), sessionId)
  if next(user.sessions) then
    redis.call('HSET', key('people'), userId, cjson.encode(user))
    R.tellPresence('UPDATED', member(user))
  else
    redis.call('HDEL', key('people'), userId)
    R.tellPresence('LEFT', { person = user.person, devices = 0, since = since })
  end
  R.disengage(sessionId, userId)
end

-- In the order of their names, so that every engine tells the same.
function R.devices()
  local sessions = redis.call('ZRANGE', key('presence'), 0, -1)
  table.sort(sessions)
  return sessions
end

function R.devicesOf(userId)
  local known = redis.call('HGET', key('people'), userId)
  local sessions = {}
  for sessionId in pairs(known and cjson.decode(known).sessions or {}) do table.insert(sessions, sessionId) end
  table.sort(sessions)
  return sessions
end

function R.shortenPresence(sessionId)
  local ends = tonumber(redis.call('ZSCORE', key('presence'), sessionId) or 0)
  if ends > g.now + PRESENCE_AFTER_CLOSE_MS then
    redis.call('ZADD', key('presence'), whole(g.now + PRESENCE_AFTER_CLOSE_MS), sessionId)
  end
end

function R.clampPresence()
  local furthest = g.now + PRESENCE_LEASE_MS
  for _, sessionId in ipairs(redis.call('ZRANGEBYSCORE', key('presence'), '(' .. whole(furthest), '+inf')) do
    redis.call('ZADD', key('presence'), whole(furthest), sessionId)
  end
end

function R.listenerCount(speakerId)
  return redis.call('HLEN', key('people')) - redis.call('HEXISTS', key('people'), speakerId)
end
