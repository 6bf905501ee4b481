-- Floor Release: ends the burst that this request holds, or its entry; before its request it leaves a tombstone.
-- command: ReleaseTalk of engine.ts; result: {released, floor} as JSON

R.open(command.groupId)
local known = R.recordOf(command.sessionId, command.requestId)
local released = known and known.engaged or false
if not known then
  -- Overtaken by its release, the request must never be granted when it arrives.
  R.remember(command.sessionId, command.requestId, { state = 'CANCELLED', engaged = false, forgetAt = R.forgetAt() })
elseif known.state == 'HOLDING' and R.lastName(g.holder) == command.requestId then
  R.endBurst('RELEASED')
  released = true
elseif known.state == 'WAITING' then
  local waiter = R.waiterOf(command.sessionId)
  if R.lastName(waiter) == command.requestId then
    R.withdraw(waiter)
    released = true
  end
end
local json = cjson.encode({ released = released, floor = R.floor() })
R.close()
return result(json)
