-- What a transition tells: numbered events for everyone who watches, messages for one device, rows for the record.

function R.floor()
  local state = 'IDLE'
  if g.closed then state = 'CLOSED' elseif g.holder then state = g.preemption and 'PENDING_REVOKE' or 'TAKEN' end
  return {
    groupId = g.id,
    state = state,
    burst = g.holder and g.holder.burst or null,
    queueLength = #R.waiting(),
    epoch = epochName,
    sequence = g.sequence,
    at = g.now,
  }
end

-- Each event lies in its log under its sequence. It is written down at once: what it tells of goes on changing.
local function keep(log, sequence, event)
  local json = cjson.encode(event)
  redis.call('XADD', key(log), 'MAXLEN', KEPT_EVENTS, whole(sequence) .. '-0', 'event', json)
  redis.call('PEXPIRE', key(log), KEPT_MS)
  return json
end

function R.tellFloor(kind, previous)
  g.sequence = g.sequence + 1
  R.changed('sequence')
  local event = { epoch = epochName, sequence = g.sequence, kind = kind, floor = R.floor(), previous = orNull(previous) }
  table.insert(g.published, '{"floor":' .. keep('floorlog', g.sequence, event) .. '}')
end

function R.tellPresence(kind, member)
  g.presenceSequence = g.presenceSequence + 1
  R.changed('presenceSequence')
  local event = { groupId = g.id, epoch = epochName, sequence = g.presenceSequence, kind = kind, member = member }
  table.insert(g.published, '{"presence":' .. keep('presencelog', g.presenceSequence, event) .. '}')
end

local SAID = { 'burst', 'queuePosition', 'remainingMs', 'graceMs', 'acceptWithinMs', 'denyReason', 'endReason' }

function R.tellDevice(to, kind, requestId, message)
  for _, field in ipairs(SAID) do message[field] = orNull(message[field]) end
  message.to, message.kind, message.requestId = to, kind, orNull(requestId)
  table.insert(g.messages, message)
end

-- Who waited before and still waits, at another place, is told so.
function R.tellPositions()
  for place, waiter in ipairs(R.waiting()) do
    local before = g.placesBefore[waiter.sessionId]
    if before and before ~= place then
      R.tellDevice(waiter.sessionId, 'QUEUED', waiter.requestIds[#waiter.requestIds], { queuePosition = place })
    end
  end
end

function R.record(entry)
  table.insert(g.records, cjson.encode(entry))
end

-- Devices are told last, with the floor as the whole transition left it. One publication: readers see the transition whole.
function R.publish()
  if #g.messages > 0 then
    local floor = R.floor()
    for _, message in ipairs(g.messages) do
      message.floor = floor
      table.insert(g.published, '{"message":' .. cjson.encode(message) .. '}')
    end
  end
  if #g.records > 0 then redis.call('XADD', shardKey('record'), '*', 'entries', '[' .. table.concat(g.records, ',') .. ']') end
  if #g.published > 0 then redis.call('PUBLISH', key('events'), '[' .. table.concat(g.published, ',') .. ']') end
end
