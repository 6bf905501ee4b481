import { coalesced } from '../../coalesced.ts'
import { type Change, noteDone, readOwed } from '../../database/change-log.ts'
import type { Database } from '../../database/client.ts'
import type { RealtimeEngine } from '../../realtime/engine.ts'
import type { Standing } from './standing.ts'

export interface EffectsDeps {
  readonly db: Database
  readonly standing: Standing
  readonly engine: RealtimeEngine
}

/** So many are asked of the engine at once. */
const AT_ONCE = 10

/**
 * What lost rights do to floor and presence. Which that is follows from the facts as they are now, not from what changed: whoever was removed
 * and is back keeps everything, and doing it twice does nothing. So every instance does it as soon as it learns of a change, for until then it
 * admitted who had lost the right elsewhere; and what an instance that has died since had admitted ends when it is done once more.
 */
export class Effects {
  readonly #deps: EffectsDeps
  /** Learnt here, and not done yet. */
  #due: readonly Change[] = []
  #underWay: Promise<void> = Promise.resolve()
  readonly #carryOutDue = coalesced(async () => {
    await this.#seeAgain()
    const done = new Set(await this.#carryOut(this.#due, (change) => change))
    this.#due = this.#due.filter((change) => !done.has(change))
  })

  constructor(deps: EffectsDeps) {
    this.#deps = deps
  }

  /** Begins with what follows from these; facts are new already. */
  learn(changes: readonly Change[]): void {
    const due = changes.filter((change) => this.#effectOf(change) !== null)
    if (due.length === 0) return
    this.#due = [...this.#due, ...due]
    this.#underWay = this.#carryOutDue()
  }

  /** Resolves when what was learnt until now is done, or the engine did not answer. */
  settled(): Promise<void> {
    return this.#underWay
  }

  /** What an engine that did not answer owes. */
  async retry(): Promise<void> {
    if (this.#due.length > 0) await this.#carryOutDue()
  }

  /**
   * What an instance owed when it died, or could not know of when it had done it. Done by whoever comes first, or by two: a lock held while the
   * engine is asked would cost more, as it keeps the log from moving on.
   */
  async makeUp(): Promise<void> {
    const { db, standing } = this.#deps
    const owed = await readOwed(db)
    if (owed.length === 0) return
    // Of a row that was committed since the last reading, the fact may be unknown here.
    await standing.catchUp()
    const done = await this.#carryOut(owed, ({ change }) => change)
    if (done.length > 0)
      await noteDone(
        db,
        done.map(({ id }) => id),
      )
  }

  /** What was taken away may have been given back since: the less time between looking and doing, the better. */
  async #seeAgain(): Promise<void> {
    try {
      await this.#deps.standing.catchUp()
    } catch {
      // The database is away: then what is known counts, and nothing can have been given back.
    }
  }

  /** Answers those that are done. When an engine does not answer, the rest is not tried. */
  async #carryOut<Item>(items: readonly Item[], changeOf: (item: Item) => Change): Promise<Item[]> {
    const done: Item[] = []
    for (let at = 0; at < items.length; at += AT_ONCE) {
      const some = items.slice(at, at + AT_ONCE)
      const outcomes = await Promise.all(some.map((item) => this.#isDone(changeOf(item))))
      done.push(...some.filter((_, index) => outcomes[index]))
      if (!outcomes.includes(true)) break
    }
    return done
  }

  async #isDone(change: Change): Promise<boolean> {
    try {
      await this.#effectOf(change)?.()
      return true
    } catch {
      // Said in the log where the engine is called, and tried again.
      return false
    }
  }

  /** Null: nothing is lost. */
  #effectOf(change: Change): (() => Promise<void>) | null {
    const { standing, engine } = this.#deps
    if (change.kind === 'USER') return null
    if (change.kind === 'SESSION') {
      const { userId, sessionId } = change
      return standing.sessionUser(sessionId) ? null : () => engine.evict({ userId, sessionId, reason: 'SESSION_REVOKED' })
    }
    const { groupId } = change
    const group = standing.group(groupId)
    if (!group) return () => engine.closeGroup(groupId)
    if (change.kind === 'GROUP') return null
    const { userId } = change
    const member = group.members.get(userId)
    if (!member) return () => engine.evict({ groupId, userId, reason: 'MEMBER_REMOVED' })
    return member.canTalk ? null : () => engine.forbidTalk({ groupId, userId })
  }
}
