-- How the floor stands, and what happened since a position.
-- command: {groupId, after: Position or absent}; result: the floor as JSON, '1' if there is a gap, each missed event as JSON …

R.open(command.groupId)
local json = cjson.encode(R.floor())
R.close()
local gap, missed = R.since('floorlog', command.after, g.sequence)
return result(json, gap and '1' or '', missed)
