-- What happened since a position, from the log of a group; and whether that is all.

function R.since(log, after, sequence)
  if not after then return false, {} end
  if after.epoch ~= epochName or after.sequence > sequence then return true, {} end
  if after.sequence == sequence then return false, {} end
  local missed = redis.call('XRANGE', key(log), whole(after.sequence + 1) .. '-0', '+')
  if #missed ~= sequence - after.sequence then return true, {} end
  for n, entry in ipairs(missed) do missed[n] = entry[2][2] end
  return false, missed
end
