-- Ends burst, queue entry and presence of somebody who lost the right to them. Waiters go before the burst, or the floor would fall to
-- somebody who has just lost it.
-- command: Evict of engine.ts; without a group: in all of this shard; result: nothing

local only = command.sessionId
local function isMeant(userId, sessionId) return userId == command.userId and (not only or sessionId == only) end

local function evict()
  local waiting = {}
  for _, waiter in ipairs(R.waiting()) do table.insert(waiting, waiter) end
  for _, waiter in ipairs(waiting) do
    if isMeant(waiter.person.id, waiter.sessionId) then R.depart(waiter.sessionId) end
  end
  for _, sessionId in ipairs(R.devicesOf(command.userId)) do
    if isMeant(command.userId, sessionId) then R.depart(sessionId) end
  end
  local burst = g.holder and g.holder.burst
  if burst and isMeant(burst.speaker.id, burst.sessionId) then R.endBurst(command.reason) end
end

for _, groupId in ipairs(command.groupId and { command.groupId } or R.engagedIn(only or command.userId)) do
  R.open(groupId)
  evict()
  R.close()
end
return result()
