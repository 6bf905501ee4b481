-- Ends the device's burst, queue entry and presence.
-- command: {groupId, sessionId}; result: the floor as JSON

R.open(command.groupId)
if g.holder and g.holder.burst.sessionId == command.sessionId then R.endBurst('RELEASED') end
R.depart(command.sessionId)
local json = cjson.encode(R.floor())
R.close()
return result(json)
