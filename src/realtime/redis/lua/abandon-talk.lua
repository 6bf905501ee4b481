-- Ends what an attempt to press began, whose caller was told that it failed; unless it has been taken up since by a renewal or a repeat.
-- command: {groupId, sessionId, burstId: the name that the attempt would have given its burst}; result: nothing

local function isMeant(one, burstId) return burstId == command.burstId and not one.takenUp end

R.open(command.groupId)
if g.holder and isMeant(g.holder, g.holder.burst.id) then
  R.endBurst('NOT_STARTED')
else
  local waiter = R.waiterOf(command.sessionId)
  if waiter and isMeant(waiter, waiter.burstId) then R.withdraw(waiter) end
end
R.close()
return result()
