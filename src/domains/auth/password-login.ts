import { createHash } from 'node:crypto'
import { type Client, networkOf } from '../../client.ts'
import { note } from '../../database/audit-log.ts'
import type { AuditTrail } from '../../database/audit-trail.ts'
import type { Database } from '../../database/client.ts'
import { badInput, Refusal, type RefusalCode } from '../../errors.ts'
import type { UserId } from '../../ids.ts'
import { name } from '../../input.ts'
import type { Viewer } from './auth.service.ts'
import { type Counted, guess, type Limits } from './limits.ts'
import { isTooLong } from './password-rules.ts'
import { hashPassword, isOutdated, verifyPassword } from './passwords.ts'
import type { Rights } from './rights.ts'
import type { SecondFactor } from './second-factor.ts'
import type { Sessions, SignIn } from './sessions.ts'

/** The password of the demo people, who exist only where nobody but this machine can reach them. */
export const DEMO_PASSWORD = 'push-to-talk'

export interface PasswordLoginDeps {
  readonly db: Database
  readonly audit: AuditTrail
  readonly rights: Rights
  readonly sessions: Sessions
  readonly secondFactor: SecondFactor
  readonly limits: Limits
  /** Whether the demo password opens anything here. */
  readonly demo: boolean
}

export interface LoginInput {
  readonly username: string
  readonly password: string
  readonly deviceName: string | null
  /** A code of the second factor, or a recovery code. */
  readonly totpCode: string | null
}

/** From where somebody asks, and as whom. */
export interface Caller {
  readonly viewer: Viewer | null
  readonly client: Client
}

/** An account as far as signing in looks at it. */
interface Account {
  readonly id: UserId
  readonly passwordHash: string
  readonly disabledAt: Date | null
  readonly totpSecret: string | null
  readonly totpSince: Date | null
}

/** Refusals that may be somebody trying to get in. */
const NOTED: ReadonlySet<RefusalCode> = new Set(['INVALID_CREDENTIALS', 'INVALID_TOTP', 'INVALID_RECOVERY_CODE', 'RATE_LIMITED'])

/** Signing in with a username and a password. */
export class PasswordLogin {
  readonly #deps: PasswordLoginDeps

  constructor(deps: PasswordLoginDeps) {
    this.#deps = deps
  }

  /** Signs a device in. Unknown, wrong and disabled answer the same, after the same work; who was wrong too often waits. */
  async login(input: LoginInput, caller: Caller): Promise<SignIn> {
    const deviceName = name(input.deviceName ?? 'Unnamed device', ['input', 'deviceName'])
    const username = name(input.username, ['input', 'username'])
    if (isTooLong(input.password)) throw badInput(['input', 'password'], 'A password has at most 128 characters.')
    const account = await this.#accountNamed(username)
    try {
      return await this.#attempt({ ...input, username, deviceName }, account, caller)
    } catch (error) {
      if (error instanceof Refusal && NOTED.has(error.code)) this.#noteRefusal(error.code, account, caller)
      throw error
    }
  }

  async #attempt(input: LoginInput & { deviceName: string }, account: Account | undefined, caller: Caller): Promise<SignIn> {
    const { password, totpCode, deviceName } = input
    const demoWhereThereIsNone = password === DEMO_PASSWORD && !this.#deps.demo
    const mayComeIn = account !== undefined && account.disabledAt === null && !demoWhereThereIsNone
    const counted = this.#counted(account?.id ?? nobody(input.username), caller)
    const isRight = await verifyPassword(password, account?.passwordHash ?? null, (check) =>
      // A right password of who may not come in counts as a wrong one, or the limit would tell.
      guess(counted, async () => (await check()) && mayComeIn),
    )
    if (!isRight || !account) throw new Refusal('INVALID_CREDENTIALS')
    await this.#deps.secondFactor.demand(account, totpCode, caller.client.address)
    const passwordHash = isOutdated(account.passwordHash) ? await this.#hashAnew(account, password) : account.passwordHash
    return this.#openSession({ ...account, passwordHash }, deviceName, caller.client)
  }

  /** A device that is signed in to the account counts for itself: no stranger's wrong guesses keep it from signing in again. */
  #counted(accountId: string, { viewer, client }: Caller): readonly Counted[] {
    const { limits } = this.#deps
    if (viewer?.id === accountId) return [[limits.of('PASSWORD_ON_DEVICE'), viewer.sessionId]]
    return [
      [limits.of('PASSWORD_OF_ACCOUNT'), accountId],
      [limits.of('PASSWORD_FROM_ADDRESS'), networkOf(client.address)],
    ]
  }

  /** Answers the hash that is there now. */
  async #hashAnew({ id, passwordHash }: Account, password: string): Promise<string> {
    const anew = await hashPassword(password)
    const { count } = await this.#deps.db.user.updateMany({ where: { id, passwordHash }, data: { passwordHash: anew } })
    return count > 0 ? anew : passwordHash
  }

  /** Only if the account is still what the password was checked against: it may have been disabled, or its password replaced, meanwhile. */
  async #openSession({ id, passwordHash, totpSince }: Account, deviceName: string, client: Client): Promise<SignIn> {
    const { rights, sessions } = this.#deps
    return rights.change(async (tx) => {
      const unchanged = await tx.$queryRaw<unknown[]>`
        SELECT 1 FROM "User" WHERE "id" = ${id}::uuid AND "passwordHash" = ${passwordHash}
          AND "totpSince" IS NOT DISTINCT FROM ${totpSince}::timestamptz AND "disabledAt" IS NULL AND "deletedAt" IS NULL FOR SHARE`
      if (unchanged.length === 0) throw new Refusal('INVALID_CREDENTIALS')
      const signIn = await sessions.open(tx, { userId: id, deviceName, client })
      const actor = { userId: id, sessionId: signIn.sessionId, address: client.address }
      await note(tx, { action: 'SIGNED_IN', actor, target: { kind: 'SESSION', id: signIn.sessionId } })
      return signIn
    })
  }

  #noteRefusal(outcome: RefusalCode, account: Account | undefined, { viewer, client }: Caller) {
    const actor = { userId: viewer?.id ?? null, sessionId: viewer?.sessionId ?? null, address: client.address }
    const target = account ? { target: { kind: 'USER', id: account.id } as const } : {}
    this.#deps.audit.addCounted({ action: 'SIGN_IN_REFUSED', outcome, actor, ...target })
  }

  async #accountNamed(username: string): Promise<Account | undefined> {
    const [account] = await this.#deps.db.$queryRaw<Account[]>`
      SELECT "id", "passwordHash", "disabledAt", "totpSecret", "totpSince" FROM "User"
      WHERE lower("username") = lower(${username}) AND "deletedAt" IS NULL`
    return account
  }
}

/** Who does not exist is limited too, or the limit would tell who does. Hashed: people type passwords where usernames belong. */
const nobody = (username: string) => createHash('sha256').update(username.toLowerCase()).digest('base64url')
