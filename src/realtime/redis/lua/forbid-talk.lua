-- Ends burst (NO_PERMISSION) and queue entry of somebody who may only listen from now on.
-- command: ForbidTalk of engine.ts; result: nothing

R.open(command.groupId)
R.silence(command.userId, 'NO_PERMISSION')
R.close()
return result()
