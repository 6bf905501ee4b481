-- Shortens what hangs on connections that have closed; any other sign of life of the device restores presence.
-- command: {closed: [{sessionId, connectionId}]}; result: nothing

for _, closed in ipairs(command.closed) do
  for _, groupId in ipairs(R.engagedIn(closed.sessionId)) do
    R.open(groupId)
    R.shortenLease(closed.sessionId, closed.connectionId)
    R.shortenPresence(closed.sessionId)
    R.close()
  end
end
return result()
