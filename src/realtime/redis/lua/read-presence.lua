-- Who is present, and what happened since a position.
-- command: {groupId, after: Position or absent}; result: the presence as JSON ({people: user -> JSON}), '1' if there is a gap, each missed event …

R.open(command.groupId)
R.close()
local people, known = {}, redis.call('HGETALL', key('people'))
for n = 1, #known, 2 do people[known[n]] = known[n + 1] end
local json = cjson.encode({ groupId = g.id, epoch = epochName, sequence = g.presenceSequence, people = people })
local gap, missed = R.since('presencelog', command.after, g.presenceSequence)
return result(json, gap and '1' or '', missed)
