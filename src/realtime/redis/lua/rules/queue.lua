-- Who waits for the floor: the pre-emptor, then the queue.

local RANK = { LOW = 0, NORMAL = 1, HIGH = 2, EMERGENCY = 3 }

function R.outranks(one, other) return RANK[one] > RANK[other] end

function R.waiting()
  if not g.preemption then return g.queue end
  local all = { g.preemption.by }
  for _, waiter in ipairs(g.queue) do table.insert(all, waiter) end
  return all
end

function R.waiterOf(sessionId)
  for place, waiter in ipairs(R.waiting()) do
    if waiter.sessionId == sessionId then return waiter, place end
  end
end

function R.lastName(asked) return asked.requestIds[#asked.requestIds] end

-- Whether one more fits; the pre-emptor takes no place of the queue.
function R.hasRoom(waiter) return #g.queue < waiter.queueCapacity end

-- By rank, then by arrival, which is when it pressed and not when it came into the queue.
function R.enqueue(waiter)
  local place = #g.queue + 1
  for n, other in ipairs(g.queue) do
    if R.outranks(waiter.priority, other.priority) or (waiter.priority == other.priority and waiter.arrival < other.arrival) then
      place = n
      break
    end
  end
  table.insert(g.queue, place, waiter)
  R.changed('queue')
end

-- Takes a waiter out and tells so. A pre-emptor that withdraws leaves the floor to its holder.
local function remove(waiter)
  if not (g.preemption and g.preemption.by == waiter) then
    for n, one in ipairs(g.queue) do
      if one == waiter then table.remove(g.queue, n) end
    end
    R.changed('queue')
    R.tellFloor('QUEUE')
    return
  end
  g.preemption = nil
  R.changed('preemption')
  R.tellFloor('TAKEN')
  if not g.holder then return end
  local burst = g.holder.burst
  R.tellDevice(burst.sessionId, 'GRANTED', R.lastName(g.holder), { burst = burst, remainingMs = burst.expiresAt - g.now })
end

-- The device no longer waits, by its own doing: released, left, or gone.
function R.withdraw(waiter)
  R.rememberPast(waiter.sessionId, waiter.requestIds, { state = 'CANCELLED' })
  remove(waiter)
end

-- Tells a waiter that its turn will not come.
function R.refuse(waiter, reason, retryAt)
  R.rememberPast(waiter.sessionId, waiter.requestIds, { state = 'DENIED', reason = reason, retryAt = retryAt })
  R.tellDevice(waiter.sessionId, 'DENIED', R.lastName(waiter), { denyReason = reason })
end

-- The device no longer waits, against its will.
function R.dismiss(waiter, reason, retryAt)
  R.refuse(waiter, reason, retryAt)
  remove(waiter)
end

-- Makes the press the one that cuts the holder off. A former pre-emptor waits on if it asked to and there is room. The grace is not restarted.
function R.preempt(by, graceUntil)
  local former = g.preemption
  g.preemption = { by = by, graceUntil = former and math.min(graceUntil, former.graceUntil) or graceUntil }
  R.changed('preemption')
  if not former then return R.tellFloor('PENDING_REVOKE') end
  if former.by.queue and R.hasRoom(former.by) then
    R.enqueue(former.by)
  else
    R.refuse(former.by, 'FLOOR_TAKEN', g.holder and g.holder.burst.expiresAt)
  end
  R.tellFloor('QUEUE')
end

-- Takes the next to be served out of those who wait.
function R.takeNext()
  if g.preemption then
    local by = g.preemption.by
    g.preemption = nil
    R.changed('preemption')
    return by
  end
  R.changed('queue')
  return table.remove(g.queue, 1)
end
