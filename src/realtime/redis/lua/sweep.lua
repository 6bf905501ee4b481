-- Lets fall what is due in a shard though nobody asks. However many instances sweep, it falls once.
-- command: {isRegular: whether all of this happens several times a second}; result: epoch, when it began in ms

if command.isRegular then redis.call('SET', shardKey('swept'), whole(now)) end

local MOST_AT_ONCE = 32
-- Nothing that happens by itself can have been set further ahead: what lies there was set before the clock went back.
local FURTHEST_MS = 61000

local function settle(groups)
  for _, groupId in ipairs(groups) do
    R.open(groupId)
    R.close()
  end
end
settle(redis.call('ZRANGEBYSCORE', shardKey('deadlines'), '-inf', whole(now), 'LIMIT', 0, MOST_AT_ONCE))
settle(redis.call('ZRANGEBYSCORE', shardKey('deadlines'), whole(now + FURTHEST_MS), '+inf', 'LIMIT', 0, MOST_AT_ONCE))
return result(epochName, epochBegan)
