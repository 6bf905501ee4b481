import type { Prisma } from '../../../prisma/generated/client/client.ts'
import { coalesced } from '../../coalesced.ts'
import { forgetOld } from '../../database/change-log.ts'
import type { Logger } from '../../logger.ts'
import { Effects, type EffectsDeps } from './effects.ts'

export interface RightsDeps extends EffectsDeps {
  readonly log: Logger
  /** Tells other instances that there is something to read. It may get lost: they look by themselves too. */
  readonly announce: () => void
}

const POLL_MS = 400
const FORGET_EVERY_MS = 10 * 60_000

/**
 * Changes of rights, from the commit to the last open stream: what is known here, streams and sockets that follow it, floor and presence. The
 * same for a change of this instance and of another, and for one whose instance has died since.
 */
export class Rights implements AsyncDisposable {
  readonly #deps: RightsDeps
  readonly #effects: Effects
  readonly #unfollow: () => void
  readonly #look: () => Promise<void>
  readonly #mend: () => Promise<void>
  readonly #poll: NodeJS.Timeout
  #looking: Promise<void> = Promise.resolve()
  #mending: Promise<void> = Promise.resolve()
  #forgetAt = Date.now() + FORGET_EVERY_MS

  constructor(deps: RightsDeps) {
    const { log, standing } = deps
    this.#deps = deps
    this.#effects = new Effects(deps)
    this.#unfollow = standing.follow((changes) => this.#effects.learn(changes))
    this.#look = patient(log, 'reading what changed', () => standing.catchUp())
    this.#mend = patient(log, 'making up for what was not done', () => this.#makeUp())
    this.#poll = setInterval(() => {
      this.wake()
      this.#mending = this.#mend()
    }, POLL_MS)
  }

  /**
   * Runs a transaction that appends to the log of changes what it changes. When this resolves, it has taken effect here; elsewhere at once or
   * with the next look, within a second. Once committed it is done: if it cannot be read or the engine does not answer now, that is made up
   * for later, and nobody is told that it failed.
   */
  async change<Result>(work: (tx: Prisma.TransactionClient) => Promise<Result>): Promise<Result> {
    const { db, standing, announce } = this.#deps
    const result = await db.$transaction(work)
    announce()
    await standing.isUpToDate()
    await this.#effects.settled()
    return result
  }

  /** Looks for changes now, not only with the next turn: another instance said that there are some. */
  wake(): void {
    this.#looking = this.#look()
  }

  /** Waits for what is under way, which needs the database. */
  async [Symbol.asyncDispose]() {
    clearInterval(this.#poll)
    this.#unfollow()
    await Promise.all([this.#looking, this.#mending])
  }

  async #makeUp(): Promise<void> {
    await this.#effects.retry()
    await this.#effects.makeUp()
    if (Date.now() < this.#forgetAt) return
    await forgetOld(this.#deps.db)
    this.#forgetAt = Date.now() + FORGET_EVERY_MS
  }
}

/** What is done again and again, and may fail for minutes while the database is away: the log says when that begins and when it is over. */
function patient(log: Logger, what: string, work: () => Promise<void>): () => Promise<void> {
  let fails = false
  return coalesced(async () => {
    try {
      await work()
      if (fails) log.warn(`${what} works again`)
      fails = false
    } catch (err) {
      if (!fails) log.warn({ err }, `${what} fails, and is tried again until it works`)
      fails = true
    }
  })
}
