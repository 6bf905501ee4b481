-- Sessions whose refresh tokens are made, second factors, pairing of devices, and the audit log.
-- CreateEnum
CREATE TYPE "PairingStatus" AS ENUM ('PENDING', 'APPROVED', 'DENIED', 'COMPLETED');

-- DropIndex
DROP INDEX "Session_refreshTokenHash_key";

-- AlterTable
ALTER TABLE "Session" DROP COLUMN "refreshTokenHash",
ADD COLUMN     "address" TEXT,
ADD COLUMN     "refreshNumber" INTEGER NOT NULL DEFAULT 1,
ADD COLUMN     "refreshSalt" TEXT NOT NULL DEFAULT gen_random_uuid()::text,
ADD COLUMN     "refreshedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
ADD COLUMN     "userAgent" TEXT;

-- AlterTable
ALTER TABLE "User" ADD COLUMN     "totpLastStep" INTEGER,
ADD COLUMN     "totpPending" TEXT,
ADD COLUMN     "totpSecret" TEXT,
ADD COLUMN     "totpSince" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "RecoveryCode" (
    "id" UUID NOT NULL,
    "userId" UUID NOT NULL,
    "codeHash" TEXT NOT NULL,
    "usedAt" TIMESTAMPTZ(3),

    CONSTRAINT "RecoveryCode_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "DevicePairing" (
    "id" UUID NOT NULL,
    "deviceCodeHash" TEXT NOT NULL,
    "userCodeHash" TEXT NOT NULL,
    "deviceName" TEXT NOT NULL,
    "address" TEXT,
    "userAgent" TEXT,
    "status" "PairingStatus" NOT NULL DEFAULT 'PENDING',
    "userId" UUID,
    "decidedById" UUID,
    "decidedInId" UUID,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "intervalMs" INTEGER NOT NULL DEFAULT 5000,
    "polledAt" TIMESTAMPTZ(3),

    CONSTRAINT "DevicePairing_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AuditEntry" (
    "id" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "action" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "actorId" UUID,
    "sessionId" UUID,
    "address" TEXT,
    "targetKind" TEXT,
    "targetId" TEXT,
    "details" JSONB NOT NULL,
    "previousHash" TEXT NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "AuditEntry_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "RecoveryCode_userId_codeHash_key" ON "RecoveryCode"("userId", "codeHash");

-- CreateIndex
CREATE UNIQUE INDEX "DevicePairing_deviceCodeHash_key" ON "DevicePairing"("deviceCodeHash");

-- CreateIndex
CREATE UNIQUE INDEX "DevicePairing_userCodeHash_key" ON "DevicePairing"("userCodeHash");

-- CreateIndex
CREATE INDEX "DevicePairing_expiresAt_idx" ON "DevicePairing"("expiresAt");

-- CreateIndex
CREATE UNIQUE INDEX "AuditEntry_hash_key" ON "AuditEntry"("hash");

-- CreateIndex
CREATE INDEX "AuditEntry_at_id_idx" ON "AuditEntry"("at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "AuditEntry_actorId_id_idx" ON "AuditEntry"("actorId", "id" DESC);

-- CreateIndex
CREATE INDEX "AuditEntry_action_id_idx" ON "AuditEntry"("action", "id" DESC);

-- AddForeignKey
ALTER TABLE "RecoveryCode" ADD CONSTRAINT "RecoveryCode_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "DevicePairing" ADD CONSTRAINT "DevicePairing_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on by hand: what schema.prisma cannot say.

-- Who was signed in before has a refresh token of the former kind: its session goes on until its access token ends.
ALTER TABLE "Session" ALTER COLUMN "refreshSalt" DROP DEFAULT;

-- Entries of the audit log stay as they were written, whoever asks, the owner of the table included.
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON "AuditEntry" FOR EACH ROW EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON "AuditEntry" FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
ALTER TABLE "AuditEntry" ENABLE ALWAYS TRIGGER audit_append_only;
ALTER TABLE "AuditEntry" ENABLE ALWAYS TRIGGER audit_no_truncate;

-- Where the audit log ends, for who appends to it next: until its transaction ends nobody else does. VOLATILE, so that the second statement
-- sees what was committed while the first waited. The instant is not before that of the entry before, whatever the clock does.
CREATE FUNCTION audit_head(OUT "id" BIGINT, OUT "hash" TEXT, OUT "at" TIMESTAMPTZ(3)) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7346285);
    SELECT entry."id", entry."hash", entry."at" INTO "id", "hash", "at" FROM "AuditEntry" AS entry ORDER BY entry."id" DESC LIMIT 1;
    "id" := coalesce("id", 0);
    "hash" := coalesce("hash", repeat('0', 64));
    "at" := greatest("at", date_trunc('milliseconds', clock_timestamp()));
END $$;
