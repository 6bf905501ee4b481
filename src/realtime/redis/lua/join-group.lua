-- Makes the device present; for one that is present it renews the lease and tells nobody. Nobody joins a closed group.
-- command: JoinGroup of engine.ts; result: the floor as JSON

R.open(command.groupId)
if not g.closed then R.join(command.person, command.sessionId) end
local json = cjson.encode(R.floor())
R.close()
return result(json)
