import type { Prisma } from '../../../prisma/generated/client/client.ts'
import { type Client, networkOf } from '../../client.ts'
import { note } from '../../database/audit-log.ts'
import type { AuditTrail } from '../../database/audit-trail.ts'
import type { Database } from '../../database/client.ts'
import { Refusal } from '../../errors.ts'
import { newId, type UserId } from '../../ids.ts'
import { name } from '../../input.ts'
import { done, type Outcome, refused } from '../outcome.ts'
import { actorOf } from './actor.ts'
import type { Viewer } from './auth.service.ts'
import { guess, type Limits } from './limits.ts'
import { deviceCodeHash, newDeviceCode, newUserCode, userCodeHash } from './pairing-codes.ts'
import type { Rights } from './rights.ts'
import type { Sessions, SignIn } from './sessions.ts'

export interface PairingDeps {
  readonly db: Database
  readonly audit: AuditTrail
  readonly rights: Rights
  readonly sessions: Sessions
  readonly limits: Limits
  /** Hashes user codes, which are too short to be hashed without a key. */
  readonly userCodeKey: Buffer
  /** Where people go to approve. */
  readonly verificationUri: string
}

/** Whoever decides, and from where. */
interface Who {
  readonly viewer: Viewer
  readonly client: Client
}

export interface StartedPairing {
  readonly deviceCode: string
  readonly userCode: string
  readonly verificationUri: string
  readonly expiresAt: Date
  readonly intervalMs: number
}

/** What whoever approves is shown of the device that asks. */
const FACTS = { id: true, deviceName: true, address: true, userAgent: true, createdAt: true, expiresAt: true } as const
export type DeviceFacts = Prisma.DevicePairingGetPayload<{ select: typeof FACTS }>

/** The words of RFC 8628, 3.5. */
export type DevicePairingStatus = 'AUTHORIZATION_PENDING' | 'SLOW_DOWN' | 'ACCESS_DENIED' | 'EXPIRED_TOKEN' | 'COMPLETED'

export interface PairingAnswer {
  readonly status: DevicePairingStatus
  /** Null: there is nothing to wait for. */
  readonly intervalMs: number | null
  readonly tokens: SignIn | null
}

const LIFETIME_MS = 10 * 60_000
const INTERVAL_MS = 5_000
const SLOWER_BY_MS = 5_000
const FORGET_AFTER_MS = 24 * 60 * 60_000

/** Signs devices in that have no keyboard: they show a code, which somebody approves on another device (RFC 8628). */
export class PairingService {
  readonly #deps: PairingDeps

  constructor(deps: PairingDeps) {
    this.#deps = deps
  }

  async start(input: { deviceName: string | null }, client: Client): Promise<StartedPairing> {
    const { db, limits, userCodeKey, verificationUri } = this.#deps
    const deviceName = name(input.deviceName ?? 'Unnamed device', ['input', 'deviceName'])
    await limits.of('PAIRING').take(networkOf(client.address))
    const deviceCode = newDeviceCode()
    const userCode = newUserCode()
    const id = newId()
    const expiresAt = new Date(Date.now() + LIFETIME_MS)
    const hashes = { deviceCodeHash: deviceCodeHash(deviceCode), userCodeHash: userCodeHash(userCodeKey, userCode) }
    await db.$transaction(async (tx) => {
      await tx.devicePairing.deleteMany({ where: { expiresAt: { lt: new Date(Date.now() - FORGET_AFTER_MS) } } })
      await tx.devicePairing.create({ data: { id, deviceName, ...client, ...hashes, expiresAt, intervalMs: INTERVAL_MS } })
      const actor = { userId: null, sessionId: null, address: client.address }
      await note(tx, { action: 'PAIRING_STARTED', actor, target: { kind: 'PAIRING', id } })
    })
    return { deviceCode, userCode, verificationUri, expiresAt, intervalMs: INTERVAL_MS }
  }

  /** The device that waits with this code; null if none does. */
  find(who: Who, userCode: string): Promise<DeviceFacts | null> {
    return this.#guess(who, () => this.#deps.db.devicePairing.findFirst({ where: this.#waiting(userCode), select: FACTS }))
  }

  /** The device will be signed in as this user. Whether the viewer may do that for another is said where it is offered. */
  async approve(who: Who, userCode: string, userId: UserId): Promise<Outcome<DeviceFacts>> {
    const user = await this.#deps.db.user.findFirst({ where: { id: userId, deletedAt: null }, select: { disabledAt: true } })
    if (!user) throw new Refusal('NOT_FOUND')
    if (user.disabledAt) return refused('INVALID_VALUE', ['input', 'userId'], 'This user is disabled.')
    return this.#decide(who, userCode, { status: 'APPROVED', userId })
  }

  deny(who: Who, userCode: string): Promise<Outcome<DeviceFacts>> {
    return this.#decide(who, userCode, { status: 'DENIED' })
  }

  /** What has become of it. An approved device is signed in, once. */
  async complete(deviceCode: string, client: Client): Promise<PairingAnswer> {
    const pairing = await this.#deps.db.devicePairing.findUnique({ where: { deviceCodeHash: deviceCodeHash(deviceCode) } })
    if (!pairing || pairing.status === 'COMPLETED' || pairing.expiresAt <= new Date()) return over('EXPIRED_TOKEN')
    if (pairing.status === 'DENIED') return over('ACCESS_DENIED')
    const { id } = pairing
    const turn = await this.#takeTurn(id)
    if (!turn.isDue) return { status: 'SLOW_DOWN', intervalMs: turn.intervalMs, tokens: null }
    if (pairing.status === 'PENDING') return { status: 'AUTHORIZATION_PENDING', intervalMs: turn.intervalMs, tokens: null }
    return this.#deps.rights.change((tx) => this.#signIn(tx, id, client))
  }

  /** One conditional update: of an approval and a denial at the same time, or of two, one finds a device that waits. */
  async #decide(
    who: Who,
    userCode: string,
    decision: { status: 'APPROVED'; userId: UserId } | { status: 'DENIED' },
  ): Promise<Outcome<DeviceFacts>> {
    const data = { ...decision, decidedById: who.viewer.id, decidedInId: who.viewer.sessionId }
    const pairing = await this.#guess(who, () =>
      this.#deps.db.$transaction(async (tx) => {
        const [decided] = await tx.devicePairing.updateManyAndReturn({ where: this.#waiting(userCode), data, select: FACTS })
        if (!decided) return null
        const details = 'userId' in decision ? { userId: decision.userId } : {}
        await note(tx, { action: `PAIRING_${decision.status}`, actor: actorOf(who), target: { kind: 'PAIRING', id: decided.id }, details })
        return decided
      }),
    )
    if (pairing) return done(pairing)
    this.#deps.audit.addCounted({ action: `PAIRING_${decision.status}`, outcome: 'NOT_FOUND', actor: actorOf(who) })
    return refused('PAIRING_EXPIRED', ['input', 'userCode'], 'No device waits with this code, or it waits no more.')
  }

  /** Counts who names codes that no device shows. */
  async #guess<Found>({ viewer, client }: Who, look: () => Promise<Found | null>): Promise<Found | null> {
    const { limits } = this.#deps
    let found: Found | null = null
    const counted = [
      [limits.of('USER_CODE'), viewer.id],
      [limits.of('USER_CODE_FROM_ADDRESS'), networkOf(client.address)],
    ] as const
    await guess(counted, async () => {
      found = await look()
      return found !== null
    })
    return found
  }

  /** Whether the device waited as long as it was told. If not it waits longer from now on (RFC 8628, 3.5). By one clock, the database's. */
  async #takeTurn(id: string): Promise<{ isDue: boolean; intervalMs: number }> {
    const [turn] = await this.#deps.db.$queryRaw<{ intervalMs: number }[]>`
      UPDATE "DevicePairing" SET "polledAt" = clock_timestamp() WHERE "id" = ${id}::uuid
        AND ("polledAt" IS NULL OR "polledAt" + "intervalMs" * interval '1 millisecond' <= clock_timestamp())
      RETURNING "intervalMs"`
    if (turn) return { isDue: true, ...turn }
    const [slower] = await this.#deps.db.$queryRaw<{ intervalMs: number }[]>`
      UPDATE "DevicePairing" SET "intervalMs" = LEAST("intervalMs" + ${SLOWER_BY_MS}, ${LIFETIME_MS}) WHERE "id" = ${id}::uuid
      RETURNING "intervalMs"`
    return { isDue: false, intervalMs: slower?.intervalMs ?? LIFETIME_MS }
  }

  async #signIn(tx: Prisma.TransactionClient, id: string, client: Client): Promise<PairingAnswer> {
    const [pairing] = await tx.devicePairing.updateManyAndReturn({
      where: { id, status: 'APPROVED' },
      data: { status: 'COMPLETED' },
      select: { deviceName: true, userId: true, decidedInId: true },
    })
    if (!pairing) return over('EXPIRED_TOKEN')
    const { deviceName, decidedInId } = pairing
    const userId = pairing.userId as UserId
    if (!(await stillStands(tx, userId, decidedInId))) {
      await tx.devicePairing.update({ where: { id }, data: { status: 'DENIED' } })
      return over('ACCESS_DENIED')
    }
    const tokens = await this.#deps.sessions.open(tx, { userId, deviceName, client })
    const actor = { userId, sessionId: tokens.sessionId, address: client.address }
    await note(tx, { action: 'PAIRING_COMPLETED', actor, target: { kind: 'PAIRING', id } })
    return { status: 'COMPLETED', intervalMs: null, tokens }
  }

  #waiting(userCode: string) {
    return { userCodeHash: userCodeHash(this.#deps.userCodeKey, userCode), status: 'PENDING' as const, expiresAt: { gt: new Date() } }
  }
}

const over = (status: 'EXPIRED_TOKEN' | 'ACCESS_DENIED'): PairingAnswer => ({ status, intervalMs: null, tokens: null })

/**
 * Whether the approval is worth what it was: nobody signed the approving device out since, which also a new password does, nor disabled the
 * user. Locked until the new session is there: whoever ends the user's sessions now waits for it, and ends it too. Users before sessions, as
 * all do.
 */
async function stillStands(tx: Prisma.TransactionClient, userId: UserId, decidedInId: string | null): Promise<boolean> {
  const user = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM "User" WHERE "id" = ${userId}::uuid AND "disabledAt" IS NULL AND "deletedAt" IS NULL FOR SHARE`
  const session = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM "Session" WHERE "id" = ${decidedInId}::uuid AND "revokedAt" IS NULL FOR SHARE`
  return user.length > 0 && session.length > 0
}
