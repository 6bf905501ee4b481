-- The group was deleted: everything in it ends, and nothing begins any more.
-- command: {groupId}; result: nothing

R.open(command.groupId)
if not g.closed then
  local ended = R.clearHolder('GROUP_CLOSED')
  for _, waiter in ipairs(R.waiting()) do R.refuse(waiter, 'GROUP_CLOSED') end
  g.preemption, g.queue = nil, {}
  R.changed('preemption', 'queue')
  R.closeVoiceSession()
  for _, sessionId in ipairs(R.devices()) do R.depart(sessionId) end
  redis.call('DEL', key('mutes'))
  g.closed = true
  R.changed('closed')
  R.tellFloor('CLOSED', ended)
end
R.close()
return result()
