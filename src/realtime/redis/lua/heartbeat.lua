-- Signs of life: renews presences, never makes one.
-- command: {beats: [{sessionId, groupIds: of this shard, or absent: all}]}; result: for each beat the groups in which the device is present

local function renew(sessionId, groupId)
  g = { id = groupId }
  local ends = tonumber(redis.call('ZSCORE', key('presence'), sessionId) or 0)
  if ends == 0 then return false end
  if ends <= now then
    -- It comes too late: the lapse that nobody has noticed yet falls first.
    R.open(groupId)
    R.close()
    return false
  end
  redis.call('ZADD', key('presence'), whole(now + PRESENCE_LEASE_MS), sessionId)
  return true
end

local presentIn = {}
for n, beat in ipairs(command.beats) do
  presentIn[n] = {}
  for _, groupId in ipairs(beat.groupIds or R.engagedIn(beat.sessionId)) do
    if renew(beat.sessionId, groupId) then table.insert(presentIn[n], groupId) end
  end
end
return result(presentIn)
