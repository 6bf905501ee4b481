-- A consumer's sign of life in a shard's record: keeps what it has in hand from being taken for abandoned, then takes over what was abandoned, the
-- entries of a consumer that died or its own whose delivery was lost. Consumers that are gone are forgotten when nothing is left with them: in
-- the same step as the look at them, because what is with a consumer would be forgotten too.
-- KEYS: record. ARGV: group, consumer, ms after which an entry is abandoned, ms after which a consumer is gone, how many entries to take over at
-- most, then the ids of those in hand.
-- Result: the entries taken over, as XRANGE tells them

local record, group, consumer = KEYS[1], ARGV[1], ARGV[2]
local abandonedMs, goneMs, room = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

local held = { 'XCLAIM', record, group, consumer, 0 }
for n = 6, #ARGV do table.insert(held, ARGV[n]) end
table.insert(held, 'JUSTID')
if #ARGV > 5 then redis.call(unpack(held)) end

local claimed = {}
local cursor = '0-0'
while #claimed < room do
  local reply = redis.call('XAUTOCLAIM', record, group, consumer, abandonedMs, cursor, 'COUNT', room - #claimed)
  for _, entry in ipairs(reply[2]) do table.insert(claimed, entry) end
  cursor = reply[1]
  if cursor == '0-0' then break end
end

for _, fields in ipairs(redis.call('XINFO', 'CONSUMERS', record, group)) do
  local other = {}
  for n = 1, #fields, 2 do other[fields[n]] = fields[n + 1] end
  if other.name ~= consumer and other.pending == 0 and other.idle > goneMs then
    redis.call('XGROUP', 'DELCONSUMER', record, group, other.name)
  end
end
return claimed
