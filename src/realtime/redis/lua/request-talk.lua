-- Floor Request: grants, denies, or answers the repeat of a remembered request. A new request joins the group first.
-- command: RequestTalk of engine.ts, and pressRate; result: TalkAnswer as JSON

local function answer(outcome, part)
  part.outcome = outcome
  for _, field in ipairs({ 'burst', 'remainingMs', 'queuePosition', 'denyReason', 'retryAfterMs' }) do part[field] = orNull(part[field]) end
  part.listenerCount = R.listenerCount(command.person.id)
  part.floor = R.floor()
  return cjson.encode(part)
end

local function granted() return answer('GRANTED', { burst = g.holder.burst, remainingMs = R.remainingMs() }) end

local function queued()
  local _, place = R.waiterOf(command.sessionId)
  return answer('QUEUED', { queuePosition = place })
end

local function denied(reason, retryAt)
  return answer('DENIED', { denyReason = reason, retryAfterMs = retryAt and math.max(0, retryAt - g.now) })
end

local function deny(reason, retryAt)
  local record = { state = 'DENIED', reason = reason, retryAt = retryAt, engaged = false, forgetAt = R.forgetAt() }
  R.remember(command.sessionId, command.requestId, record)
  return denied(reason, retryAt)
end

-- The present state of a request that was asked before. Only a burst that still runs is touched: its lease is renewed.
local function repeated(known)
  if known.state == 'HOLDING' then
    R.extendLease(command.connectionId)
    return granted()
  end
  if known.state == 'WAITING' then
    R.waiterOf(command.sessionId).takenUp = true
    R.changed('queue', 'preemption')
    return queued()
  end
  if known.state == 'ENDED' then return answer('ENDED', { burst = known.burst }) end
  if known.state == 'DENIED' then return denied(known.reason, known.retryAt) end
  return answer('CANCELLED', {})
end

local function asWaiter()
  local arrival = g.arrivals
  g.arrivals = arrival + 1
  R.changed('arrivals')
  return {
    person = command.person,
    sessionId = command.sessionId,
    connectionId = command.connectionId,
    group = command.group,
    requestIds = { command.requestId },
    priority = command.priority,
    talkLimitMs = command.talkLimitMs,
    queueCapacity = command.queueCapacity,
    queue = command.queue,
    expiresAt = g.now + QUEUE_LIMIT_MS,
    arrival = arrival,
    burstId = command.burstId,
    voiceSessionId = command.voiceSessionId,
  }
end

-- The next request of who holds or waits is the same burst or entry under a new name.
local function rename(asked, state)
  table.insert(asked.requestIds, command.requestId)
  R.remember(command.sessionId, command.requestId, { state = state })
end

-- A strictly higher rank: at once if the group gives no grace, or else when the grace is over.
local function cutOff()
  local graceMs = command.priority == 'EMERGENCY' and 0 or command.preemptGraceMs
  local entry = asWaiter()
  if graceMs == 0 then
    if g.preemption then R.preempt(entry, g.now) end
    g.preemption = nil
    R.changed('preemption')
    R.grant(entry, R.clearHolder('PREEMPTED'))
    return granted()
  end
  local isFirst, holder = not g.preemption, g.holder
  R.remember(command.sessionId, command.requestId, { state = 'WAITING' })
  R.preempt(entry, g.now + graceMs)
  if isFirst then
    local told = { burst = holder.burst, endReason = 'PREEMPTED', graceMs = graceMs }
    R.tellDevice(holder.burst.sessionId, 'REVOKED', R.lastName(holder), told)
  end
  return queued()
end

local function meetTakenFloor()
  local running = g.holder.burst
  if running.sessionId == command.sessionId then
    rename(g.holder, 'HOLDING')
    R.extendLease(command.connectionId)
    return granted()
  end
  local waiter = R.waiterOf(command.sessionId)
  if waiter then
    rename(waiter, 'WAITING')
    waiter.connectionId, waiter.takenUp = command.connectionId, true
    R.changed('queue', 'preemption')
    return queued()
  end
  local retryAt = running.expiresAt
  if running.speaker.id == command.person.id then return deny('HELD_BY_OWN_DEVICE', retryAt) end
  local inTheWay = g.preemption and g.preemption.by.priority or running.priority
  if R.outranks(command.priority, inTheWay) then return cutOff() end
  if not command.queue or command.queueCapacity == 0 then return deny('FLOOR_TAKEN', retryAt) end
  local entry = asWaiter()
  if not R.hasRoom(entry) then return deny('QUEUE_FULL', retryAt) end
  R.enqueue(entry)
  R.remember(command.sessionId, command.requestId, { state = 'WAITING' })
  R.tellFloor('QUEUE')
  return queued()
end

local function press()
  local known = R.recordOf(command.sessionId, command.requestId)
  if known then return repeated(known) end
  if g.closed then return deny('GROUP_CLOSED') end
  R.join(command.person, command.sessionId)
  local tooFast = R.spendPress(command.sessionId, command.pressRate)
  if tooFast then return answer('DENIED', { denyReason = 'RETRY_AFTER', retryAfterMs = tooFast }) end
  -- Rights, mute and the session's own penalty: judged before the floor's state.
  if not command.canTalk then return deny('RECEIVE_ONLY') end
  local mutedUntil = R.mutedUntil(command.person.id)
  if mutedUntil then return deny('RECEIVE_ONLY', mutedUntil) end
  local retryAt = R.retryAt(command.sessionId)
  if retryAt then return deny('RETRY_AFTER', retryAt) end
  if g.holder then return meetTakenFloor() end
  R.grant(asWaiter())
  return granted()
end

R.open(command.group.id)
local json = press()
R.close()
return result(json)
