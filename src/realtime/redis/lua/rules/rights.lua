-- Who may not talk for a while, or at all.

function R.mutedUntil(userId)
  local ends = tonumber(redis.call('HGET', key('mutes'), userId) or 0)
  if ends > g.now then return ends end
end

-- Ends what the user says or waits to say; listening and presence stay.
function R.silence(userId, endReason, by, retryAt)
  local waiting = {}
  for _, waiter in ipairs(R.waiting()) do table.insert(waiting, waiter) end
  for _, waiter in ipairs(waiting) do
    if waiter.person.id == userId then R.dismiss(waiter, 'RECEIVE_ONLY', retryAt) end
  end
  if g.holder and g.holder.burst.speaker.id == userId then R.endBurst(endReason, by) end
end
