-- Renews the lease of the session's current burst; anything else answers renewed: false.
-- command: RenewTalk of engine.ts; result: {renewed, remainingMs, floor} as JSON

R.open(command.groupId)
local holder = g.holder
local renewed = holder and holder.burst.id == command.burstId and holder.burst.sessionId == command.sessionId or false
if renewed then R.extendLease(command.connectionId) end
local json = cjson.encode({ renewed = renewed, remainingMs = renewed and R.remainingMs() or null, floor = R.floor() })
R.close()
return result(json)
