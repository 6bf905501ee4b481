-- What happens by itself.

-- The first thing that will. Of two at the same instant the limit comes before the lease: it is the stronger reason.
function R.nextDeadline()
  local at, fall
  local function consider(instant, what)
    if instant and (not at or instant < at) then at, fall = instant, what end
  end
  local holder = g.holder
  if holder then
    local limit = holder.burst.expiresAt
    if not holder.warned then consider(limit - math.min(5000, holder.talkLimitMs / 2), R.warnOfLimit) end
    consider(limit, function() R.endBurst('TALK_LIMIT') end)
    consider(g.preemption and g.preemption.graceUntil, function() R.endBurst('PREEMPTED') end)
    consider(holder.startBy, function() R.endBurst('NOT_STARTED') end)
    consider(holder.leaseUntil, function() R.endBurst('CONNECTION_LOST') end)
  end
  for _, waiter in ipairs(g.queue) do
    consider(waiter.expiresAt, function() R.dismiss(waiter, 'RETRY_AFTER', g.now) end)
  end
  local lapse = redis.call('ZRANGE', key('presence'), 0, 0, 'WITHSCORES')
  consider(tonumber(lapse[2]), function() R.depart(lapse[1]) end)
  consider(g.voiceSession and g.voiceSession.closesAt, R.closeVoiceSession)
  return at, fall
end

-- Lets everything fall that is due, in the order in which it fell due, dated then and not now.
function R.settle()
  R.mendSpeaker()
  R.clamp()
  local at, fall = R.nextDeadline()
  while at and at <= now do
    g.now = at
    fall()
    at, fall = R.nextDeadline()
  end
  g.now = now
end

-- A clock that went back must not lengthen anything: no deadline lies further ahead than when it was just set. A mute is until an instant.
function R.clamp()
  local longestWait = g.now + QUEUE_LIMIT_MS
  local preemption = g.preemption
  if preemption and preemption.by.expiresAt > longestWait then
    preemption.by.expiresAt = longestWait
    preemption.graceUntil = math.min(preemption.graceUntil, g.now + LONGEST_GRACE_MS)
    R.changed('preemption')
  end
  for _, waiter in ipairs(g.queue) do
    if waiter.expiresAt > longestWait then
      waiter.expiresAt = longestWait
      R.changed('queue')
    end
  end
  if g.holder then R.clampHolder() end
  local voiceSession = g.voiceSession
  if voiceSession and voiceSession.closesAt and voiceSession.closesAt > g.now + VOICE_SESSION_IDLE_MS then
    voiceSession.closesAt = g.now + VOICE_SESSION_IDLE_MS
    R.changed('voiceSession')
  end
  R.clampPresence()
end
