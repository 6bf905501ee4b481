import { badInput } from '../errors.ts'
import type { GroupId } from '../ids.ts'
import type { Position } from './events.ts'

/** Each group has two logs that number separately; a cursor belongs to one of them. */
type Log = 'floor' | 'presence'

export const cursorOf = (log: Log, groupId: GroupId, { epoch, sequence }: Position): string =>
  Buffer.from([log, groupId, epoch, sequence].join('|')).toString('base64url')

/** The position that a cursor names. One that was never of this log is BAD_USER_INPUT. */
export function positionOf(log: Log, groupId: GroupId, cursor: string | null | undefined): Position | undefined {
  if (cursor === null || cursor === undefined) return undefined
  const [ofLog, ofGroup, epoch, sequence] = Buffer.from(cursor, 'base64url').toString('utf8').split('|')
  const position = { epoch: epoch ?? '', sequence: Number(sequence) }
  const ours = ofLog === log && ofGroup === groupId && Number.isSafeInteger(position.sequence) && position.sequence >= 0
  if (!ours || cursorOf(log, groupId, position) !== cursor) throw badInput(['after'], "The cursor is not one of this group's log.")
  return position
}
