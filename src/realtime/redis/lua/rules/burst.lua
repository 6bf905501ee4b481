-- A talk burst from its grant to its one end.

local function speakerOf(burst) return burst.sessionId .. ' ' .. burst.id .. ' ' .. burst.fencingToken end

local function openVoiceSession(id)
  if not g.voiceSession then
    g.voiceSession = { id = id, startedAt = g.now }
    R.record({ voiceSession = { id = id, groupId = g.id, startedAt = g.now, endedAt = null } })
  end
  g.voiceSession.closesAt = nil
  R.changed('voiceSession')
  return g.voiceSession.id
end

function R.closeVoiceSession()
  local open = g.voiceSession
  if not open then return end
  g.voiceSession = nil
  R.changed('voiceSession')
  R.record({ voiceSession = { id = open.id, groupId = g.id, startedAt = open.startedAt, endedAt = g.now } })
end

-- A burst has begun or ended.
local function changeHolder(burst)
  R.record({ burst = burst })
  table.insert(holdings, { groupId = g.id, userId = burst.speaker.id, sessionId = burst.sessionId })
end

-- Gives the floor to a request. `previous`: the burst that has just ended, for there is no idle in between.
function R.grant(to, previous, startBy)
  g.token = math.max(g.now == now and micros or g.now * 1000, g.token + 1)
  local burst = {
    id = to.burstId,
    group = to.group,
    speaker = to.person,
    sessionId = to.sessionId,
    voiceSessionId = openVoiceSession(to.voiceSessionId),
    priority = to.priority,
    fencingToken = whole(g.token),
    startedAt = g.now,
    expiresAt = g.now + to.talkLimitMs,
    endedAt = null,
    endReason = null,
    revokedBy = null,
  }
  if not redis.call('SET', key('speaker'), speakerOf(burst), 'NX') then error('the floor of ' .. g.id .. ' is taken') end
  g.holder = {
    burst = burst,
    talkLimitMs = to.talkLimitMs,
    requestIds = to.requestIds,
    leaseUntil = g.now + LEASE_MS,
    connectionId = to.connectionId,
    startBy = startBy,
    -- Of an entry that was repeated: somebody knows of it (abandon-talk.lua).
    takenUp = to.takenUp,
  }
  R.changed('token', 'holder')
  R.engage(to.sessionId, to.person.id)
  for _, requestId in ipairs(to.requestIds) do R.remember(to.sessionId, requestId, { state = 'HOLDING' }) end
  R.tellFloor('TAKEN', previous)
  changeHolder(burst)
end

local function with(burst, changes)
  local copy = {}
  for field, value in pairs(burst) do copy[field] = value end
  for field, value in pairs(changes) do copy[field] = value end
  return copy
end

-- Ends the current burst, for a press that takes the floor at once or before who waits is served. Every end of a burst goes through here.
function R.clearHolder(endReason, revokedBy)
  local holder = g.holder
  if not holder then return nil end
  local running = holder.burst
  -- Who never started did not speak. A clock that went back meanwhile makes no burst of negative length.
  local endedAt = endReason == 'NOT_STARTED' and running.startedAt or math.max(g.now, running.startedAt)
  local burst = with(running, { endedAt = endedAt, endReason = endReason, revokedBy = orNull(revokedBy) })
  if redis.call('GET', key('speaker')) == speakerOf(burst) then redis.call('DEL', key('speaker')) end
  g.holder = nil
  if g.voiceSession then g.voiceSession.closesAt = g.now + VOICE_SESSION_IDLE_MS end
  R.changed('holder', 'voiceSession')
  R.rememberPast(burst.sessionId, holder.requestIds, { state = 'ENDED', burst = burst })
  if endReason == 'TALK_LIMIT' then R.mustRetryLater(burst.sessionId) end
  changeHolder(burst)
  if endReason ~= 'RELEASED' then
    R.tellDevice(burst.sessionId, 'REVOKED', R.lastName(holder), { burst = burst, endReason = endReason, graceMs = 0 })
  end
  R.disengage(burst.sessionId, burst.speaker.id)
  return burst
end

-- Ends the current burst and serves who waits.
function R.endBurst(endReason, revokedBy)
  local ended = R.clearHolder(endReason, revokedBy)
  if not ended then return end
  local nextOne = R.takeNext()
  if not nextOne then return R.tellFloor('IDLE', ended) end
  R.grant(nextOne, ended, g.now + ACCEPT_WITHIN_MS)
  local burst = g.holder.burst
  R.tellDevice(burst.sessionId, 'GRANTED', R.lastName(g.holder), {
    burst = burst,
    remainingMs = burst.expiresAt - g.now,
    acceptWithinMs = ACCEPT_WITHIN_MS,
  })
end

-- How long the holder may go on: to the talk limit, or to the end of its grace.
function R.remainingMs()
  local untilThen = g.holder.burst.expiresAt
  if g.preemption then untilThen = math.min(untilThen, g.preemption.graceUntil) end
  return untilThen - g.now
end

-- A sign of the holder: it is there, and it has taken the floor up.
function R.extendLease(connectionId)
  g.holder.leaseUntil, g.holder.connectionId = g.now + LEASE_MS, connectionId
  g.holder.startBy, g.holder.takenUp = nil, true
  R.changed('holder')
end

function R.shortenLease(sessionId, connectionId)
  if not g.holder or g.holder.burst.sessionId ~= sessionId or g.holder.connectionId ~= connectionId then return end
  g.holder.leaseUntil = math.min(g.holder.leaseUntil, g.now + LEASE_AFTER_CLOSE_MS)
  R.changed('holder')
end

function R.warnOfLimit()
  g.holder.warned = true
  R.changed('holder')
  local burst = g.holder.burst
  R.tellDevice(burst.sessionId, 'LIMIT_WARNING', R.lastName(g.holder), { burst = burst, remainingMs = burst.expiresAt - g.now })
end

-- The clock went back: the limit is no further ahead than it can have been set.
function R.clampHolder()
  local holder = g.holder
  if holder.leaseUntil <= g.now + LEASE_MS and holder.burst.expiresAt <= g.now + holder.talkLimitMs then return end
  holder.burst = with(holder.burst, { expiresAt = math.min(holder.burst.expiresAt, g.now + holder.talkLimitMs) })
  holder.leaseUntil = math.min(holder.leaseUntil, g.now + LEASE_MS)
  if holder.startBy then holder.startBy = math.min(holder.startBy, g.now + ACCEPT_WITHIN_MS) end
  R.changed('holder')
end

-- `speaker` is what the floor goes by. If somebody took it away by hand, the burst is over.
function R.mendSpeaker()
  local speaker = redis.call('GET', key('speaker'))
  if g.holder then
    if speaker == speakerOf(g.holder.burst) then return end
    redis.call('DEL', key('speaker'))
    R.endBurst('SERVER_RECOVERY')
  elseif speaker then
    redis.call('DEL', key('speaker'))
  end
end
