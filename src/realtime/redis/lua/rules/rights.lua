-- Who may not talk for a while, or at all.

function R.mutedUntil(userId)
  local ends = tonumber(redis.call('HGET', key('mutes'), userId) or 0)
  if ends > g.now then return ends end
end

-- What began after the facts were read from which its end follows is left alone: the right may have been given back since.
function R.isMeantBy(begunAt) return not command.begunBefore or begunAt <= command.begunBefore end
function R.isWaiterMeant(waiter) return R.isMeantBy(waiter.expiresAt - QUEUE_LIMIT_MS) end

-- Ends what the user says or waits to say; listening and presence stay.
function R.silence(userId, endReason, by, retryAt)
  local waiting = {}
  for _, waiter in ipairs(R.waiting()) do table.insert(waiting, waiter) end
  for _, waiter in ipairs(waiting) do
    if waiter.person.id == userId and R.isWaiterMeant(waiter) then R.dismiss(waiter, 'RECEIVE_ONLY', retryAt) end
  end
  local burst = g.holder and g.holder.burst
  if burst and burst.speaker.id == userId and R.isMeantBy(burst.startedAt) then R.endBurst(endReason, by) end
end
