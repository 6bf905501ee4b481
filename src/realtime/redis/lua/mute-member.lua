-- Ends burst (REVOKED_BY_MANAGER) and queue entry, and refuses presses for a while.
-- command: MuteMember of engine.ts; result: until when, in ms

local LONGEST_MUTE_MS = 86400000

R.open(command.groupId)
local mutedUntil = g.now + command.durationMs
redis.call('HSET', key('mutes'), command.userId, whole(mutedUntil))
redis.call('PEXPIRE', key('mutes'), LONGEST_MUTE_MS + 3600000)
R.silence(command.userId, 'REVOKED_BY_MANAGER', command.by, mutedUntil)
R.close()
return result(whole(mutedUntil))
