-- Ends a mute.
-- command: UnmuteMember of engine.ts; result: nothing

R.open(command.groupId)
redis.call('HDEL', key('mutes'), command.userId)
R.close()
return result()
