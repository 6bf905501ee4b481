-- Who is muted until when.
-- command: {groupId}; result: user, instant in ms, user, instant …

R.open(command.groupId)
local mutes, known = {}, redis.call('HGETALL', key('mutes'))
for n = 1, #known, 2 do
  if tonumber(known[n + 1]) > now then
    table.insert(mutes, known[n])
    table.insert(mutes, known[n + 1])
  else
    redis.call('HDEL', key('mutes'), known[n])
  end
end
R.close()
return result(mutes)
