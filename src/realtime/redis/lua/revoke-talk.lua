-- Floor Revoke by a person. revoked: false says that this burst had ended already.
-- command: RevokeTalk of engine.ts; result: {revoked, floor} as JSON

R.open(command.groupId)
local revoked = g.holder and g.holder.burst.id == command.burstId or false
if revoked then R.endBurst('REVOKED_BY_MANAGER', command.by) end
local json = cjson.encode({ revoked = revoked, floor = R.floor() })
R.close()
return result(json)
