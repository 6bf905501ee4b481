-- Takes entries off a shard's record: those that are written, and those that never can be, which go aside with the reason. An entry that somebody
-- else took off, or that Redis forgot, is left alone: its name may be another's by now.
-- KEYS: record, aside. ARGV: group, how many are kept aside, then for each entry its id and the reason why it goes aside, '' if it is written.
-- Result: nothing

local record, aside = KEYS[1], KEYS[2]
local group, mostAside = ARGV[1], ARGV[2]

for n = 3, #ARGV, 2 do
  local id, reason = ARGV[n], ARGV[n + 1]
  if redis.call('XACK', record, group, id) == 1 then
    local entry = redis.call('XRANGE', record, id, id)[1]
    if entry and reason ~= '' then
      redis.call('XADD', aside, 'MAXLEN', '~', mostAside, '*', 'reason', reason, unpack(entry[2]))
    end
    redis.call('XDEL', record, id)
  end
end
