-- What is known of past and present floor requests, so that a repeat changes nothing; and how often a session presses.

-- A session's limits are kept a little longer than they last, for a clock that goes back.
local LIMITS_KEPT_MS = 60000

function R.recordOf(sessionId, requestId)
  local json = redis.call('HGET', key('requests'), sessionId .. ' ' .. requestId)
  if not json then return nil end
  local record = cjson.decode(json)
  if record.forgetAt and record.forgetAt <= g.now then return nil end
  return record
end

function R.forgetAt() return g.now + REMEMBER_MS end

-- The keys go by themselves once nothing has been remembered for longer than anything is.
local function rememberField(field, value, forgetAt)
  redis.call('HSET', key('requests'), field, value)
  redis.call('PEXPIRE', key('requests'), 2 * REMEMBER_MS)
  if forgetAt then
    redis.call('ZADD', key('forget'), whole(forgetAt), field)
    redis.call('PEXPIRE', key('forget'), 2 * REMEMBER_MS)
  end
end

function R.remember(sessionId, requestId, record)
  rememberField(sessionId .. ' ' .. requestId, cjson.encode(record), record.forgetAt)
end

-- The names before the last were given up: their release answers false.
function R.rememberPast(sessionId, requestIds, record)
  record.forgetAt = R.forgetAt()
  for n, requestId in ipairs(requestIds) do
    record.engaged = n == #requestIds
    R.remember(sessionId, requestId, record)
  end
end

-- A few each time, so that no transition is long.
function R.forget()
  local fields = redis.call('ZRANGEBYSCORE', key('forget'), '-inf', whole(now), 'LIMIT', 0, 16)
  if #fields == 0 then return end
  redis.call('ZREM', key('forget'), unpack(fields))
  redis.call('HDEL', key('requests'), unpack(fields))
end

function R.retryAt(sessionId)
  local at = tonumber(redis.call('HGET', key('requests'), 'retry ' .. sessionId) or 0)
  if at > g.now then return math.min(at, g.now + RETRY_AFTER_LIMIT_MS) end
end

function R.mustRetryLater(sessionId)
  local at = g.now + RETRY_AFTER_LIMIT_MS
  rememberField('retry ' .. sessionId, whole(at), at + LIMITS_KEPT_MS)
end

-- Takes one press from the session's allowance (GCRA); if there is none, answers how long until there is.
function R.spendPress(sessionId, pressRate)
  local field, mostAheadMs = 'pressed ' .. sessionId, PRESS_BURST * 1000
  local used = tonumber(redis.call('HGET', key('requests'), field) or 0)
  -- Further ahead than a press can bring it: the clock went back.
  local from = (used > g.now and used <= g.now + mostAheadMs) and used or g.now
  local untilThen = from + 1000 / pressRate
  local aheadMs = untilThen - g.now - mostAheadMs
  if aheadMs > 0 then return math.ceil(aheadMs) end
  rememberField(field, string.format('%.17g', untilThen), untilThen + LIMITS_KEPT_MS)
end
