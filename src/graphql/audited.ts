import type { GraphQLSchema } from 'graphql'
import type { AuditAction } from '../database/audit-log.ts'
import { Refusal } from '../errors.ts'
import type { Context } from './context.ts'

/** Marks a mutation that not everybody may do: the audit log is told who tried without the right to. That it was done is noted where it is done. */
export const audited = (action: AuditAction) => ({ extensions: { audited: action } }) as const

/** Around all that such a mutation does, whether its permission is checked before its resolver or by what that calls. */
export function noteRefusals(schema: GraphQLSchema): GraphQLSchema {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const { resolve } = field
    const action = field.extensions.audited as AuditAction | undefined
    if (!resolve || !action) continue
    field.resolve = async (root, args, context: Context, info) => {
      try {
        return await resolve(root, args, context, info)
      } catch (error) {
        const { viewer, client, audit } = context
        if (viewer && error instanceof Refusal && error.code === 'FORBIDDEN')
          audit.addCounted({
            action,
            outcome: error.code,
            actor: { userId: viewer.id, sessionId: viewer.sessionId, address: client.address },
          })
        throw error
      }
    }
  }
  return schema
}
