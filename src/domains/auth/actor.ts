import type { Client } from '../../client.ts'
import type { Actor } from '../../database/audit-log.ts'
import type { Viewer } from './auth.service.ts'

/** Who does something, as the audit log names them. */
export const actorOf = ({ viewer, client }: { readonly viewer: Viewer; readonly client: Client }): Actor => ({
  userId: viewer.id,
  sessionId: viewer.sessionId,
  address: client.address,
})
