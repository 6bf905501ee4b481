-- Where the logs of some groups of one shard stand.
-- command: {groupIds}; result: epoch, when it began in ms, then for each group the last floor sequence and the last presence sequence

local heads = {}
for _, groupId in ipairs(command.groupIds) do
  g = { id = groupId }
  local read = redis.call('HMGET', key('floor'), 'epoch', 'sequence', 'presenceSequence')
  local known = read[1] == epochName
  table.insert(heads, known and read[2] or '0')
  table.insert(heads, known and read[3] or '0')
end
return result(epochName, epochBegan, heads)
