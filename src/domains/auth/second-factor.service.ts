import type { Prisma } from '../../../prisma/generated/client/client.ts'
import type { Client } from '../../client.ts'
import { type AuditAction, note } from '../../database/audit-log.ts'
import type { AuditTrail } from '../../database/audit-trail.ts'
import { append } from '../../database/change-log.ts'
import { Refusal } from '../../errors.ts'
import { newId, type UserId } from '../../ids.ts'
import { done, type Outcome, refused } from '../outcome.ts'
import { actorOf } from './actor.ts'
import type { Viewer } from './auth.service.ts'
import { guess } from './limits.ts'
import { newRecoveryCodes, recoveryCodeHash } from './recovery-codes.ts'
import type { Rights } from './rights.ts'
import { newSecret, otpauthUri, type SecondFactor, type SecondFactorDeps, stepOf } from './second-factor.ts'

export interface SecondFactorServiceDeps extends SecondFactorDeps {
  readonly audit: AuditTrail
  readonly rights: Rights
  readonly secondFactor: SecondFactor
  /** Whether an admin may administer only with a second factor. */
  readonly adminsNeedIt: boolean
}

/** What one sees of the own. */
export interface SecondFactorState {
  readonly since: Date | null
  readonly recoveryCodesLeft: number
  readonly required: boolean
}

/** Whoever is signed in, and from where. */
interface Who {
  readonly viewer: Viewer
  readonly client: Client
}

/** Setting a second factor up and giving it up. What is committed is told to all instances, as it may be what makes an admin one. */
export class SecondFactorService {
  readonly #deps: SecondFactorServiceDeps

  constructor(deps: SecondFactorServiceDeps) {
    this.#deps = deps
  }

  /** Makes a secret that does not count before a code of it is shown. Answers the URI for an app. */
  async start(who: Who): Promise<string> {
    const { db, seals } = this.#deps
    const { viewer } = who
    const secret = newSecret()
    await db.$transaction(async (tx) => {
      await tx.user.update({ where: { id: viewer.id }, data: { totpPending: seals.seal(secret, viewer.id) } })
      await note(tx, { action: 'TOTP_STARTED', ...byOneself(who) })
    })
    return otpauthUri(secret, viewer.username)
  }

  /**
   * From here on the one that was started counts, the one before, of which a code is shown too, no more. Answers the recovery codes, which
   * nobody can read again.
   */
  async confirm(who: Who, code: string, codeBefore: string | null): Promise<Outcome<readonly string[]>> {
    const { db, rights, seals, limits } = this.#deps
    const { viewer } = who
    const { totpPending } = await db.user.findUniqueOrThrow({ where: { id: viewer.id }, select: { totpPending: true } })
    if (totpPending === null) return invalid('code', 'No second factor was started: call startTotp first.')
    const secret = seals.open(totpPending, viewer.id)
    const step = stepOf(secret, code)
    const isRight = await guess([[limits.of('SECOND_FACTOR'), viewer.id]], async () => step !== null)
    if (!isRight) return invalid('code', 'The code is wrong: check the clock of the device that shows it.')
    const wrong = await this.#check(who, codeBefore, 'TOTP_CONFIRMED')
    if (wrong) return wrong
    const recoveryCodes = newRecoveryCodes()
    const factor = { totpSecret: seals.seal(secret, viewer.id), totpPending: null, totpSince: new Date(), totpLastStep: step }
    return rights.change(async (tx) => {
      const { count } = await tx.user.updateMany({ where: { id: viewer.id, totpPending }, data: factor })
      if (count === 0) return invalid('code', 'The second factor was started anew or confirmed meanwhile.')
      await replaceRecoveryCodes(tx, viewer.id, recoveryCodes)
      await tell(tx, viewer.id)
      await note(tx, { action: 'TOTP_CONFIRMED', ...byOneself(who) })
      return done(recoveryCodes)
    })
  }

  /** Gives it up. FORBIDDEN for an admin who needs it. */
  async disable(who: Who, code: string): Promise<Outcome<UserId>> {
    const { viewer } = who
    if (this.#deps.adminsNeedIt && viewer.systemRole === 'ADMIN')
      throw new Refusal('FORBIDDEN', { sentence: 'An admin needs a second factor here. It can be replaced: startTotp.' })
    const wrong = await this.#check(who, code, 'TOTP_DISABLED')
    if (wrong) return wrong
    return this.#deps.rights.change(async (tx) => {
      if (!(await takeAway(tx, viewer.id))) return alreadyEnded(null)
      await note(tx, { action: 'TOTP_DISABLED', ...byOneself(who) })
      return done(viewer.id)
    })
  }

  /** For who has lost it, and the recovery codes too. An admin does not so get rid of the own. */
  async reset({ viewer, client }: Who, userId: UserId): Promise<Outcome<UserId>> {
    if (userId === viewer.id)
      throw new Refusal('FORBIDDEN', { sentence: 'Another admin resets your second factor; your own you can replace: startTotp.' })
    return this.#deps.rights.change(async (tx) => {
      if (!(await takeAway(tx, userId))) {
        if ((await tx.user.count({ where: { id: userId, deletedAt: null } })) > 0) return alreadyEnded(['input', 'userId'])
        throw new Refusal('NOT_FOUND')
      }
      await note(tx, { action: 'TOTP_RESET', actor: actorOf({ viewer, client }), target: { kind: 'USER', id: userId } })
      return done(userId)
    })
  }

  async state({ id, systemRole, lacksSecondFactor }: Viewer): Promise<SecondFactorState> {
    const { totpSince, _count } = await this.#deps.db.user.findUniqueOrThrow({
      where: { id },
      select: { totpSince: true, _count: { select: { recoveryCodes: { where: { usedAt: null } } } } },
    })
    const required = this.#deps.adminsNeedIt && (systemRole === 'ADMIN' || lacksSecondFactor)
    return { since: totpSince, recoveryCodesLeft: _count.recoveryCodes, required }
  }

  /** After a change of SECRET_KEY: who signs in seldom would lose the second factor when the former key is taken out. */
  async sealAnew(): Promise<void> {
    const { db, seals } = this.#deps
    const users = await db.user.findMany({ where: { totpSecret: { not: null } }, select: { id: true, totpSecret: true } })
    for (const { id, totpSecret } of users) {
      if (totpSecret === null || !seals.isStale(totpSecret)) continue
      // Unless it was replaced meanwhile.
      await db.user.updateMany({ where: { id, totpSecret }, data: { totpSecret: seals.seal(seals.open(totpSecret, id), id) } })
    }
  }

  /** Whether the code of the second factor that counts now is right: null if so, or if there is none. */
  async #check(who: Who, code: string | null, action: AuditAction) {
    const { db, audit, secondFactor } = this.#deps
    const { id } = who.viewer
    const factor = await db.user.findUniqueOrThrow({ where: { id }, select: { totpSecret: true, totpSince: true } })
    try {
      await secondFactor.demand({ id, ...factor }, code, who.client.address)
      return null
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      audit.addCounted({ action, outcome: error.code, ...byOneself(who) })
      // For who is signed in already a wrong code is an answer, not a refusal.
      if (error.code === 'INVALID_TOTP' || error.code === 'INVALID_RECOVERY_CODE') return invalid('totpCode', error.message)
      throw error
    }
  }
}

const invalid = (field: 'code' | 'totpCode', message: string) => refused('INVALID_TOTP', ['input', field], message)

const alreadyEnded = (field: readonly string[] | null) => refused('ALREADY_ENDED', field, 'There is no second factor.')

const byOneself = (who: Who) => ({ actor: actorOf(who), target: { kind: 'USER', id: who.viewer.id } as const })

const tell = (tx: Prisma.TransactionClient, userId: UserId) => append(tx, [{ kind: 'USER', userId }], { owed: false })

async function replaceRecoveryCodes(tx: Prisma.TransactionClient, userId: UserId, codes: readonly string[]): Promise<void> {
  await tx.recoveryCode.deleteMany({ where: { userId } })
  await tx.recoveryCode.createMany({ data: codes.map((code) => ({ id: newId(), userId, codeHash: recoveryCodeHash(code) ?? '' })) })
}

/** False: there was none. */
async function takeAway(tx: Prisma.TransactionClient, userId: UserId): Promise<boolean> {
  const { count } = await tx.user.updateMany({
    where: { id: userId, deletedAt: null, OR: [{ totpSince: { not: null } }, { totpPending: { not: null } }] },
    data: { totpSecret: null, totpPending: null, totpSince: null, totpLastStep: null },
  })
  if (count === 0) return false
  await tx.recoveryCode.deleteMany({ where: { userId } })
  await tell(tx, userId)
  return true
}
