-- What changed, for every instance to read: whoever changes what others keep in memory says so here, in the same transaction.
-- CreateEnum
CREATE TYPE "ChangeKind" AS ENUM ('USER', 'GROUP', 'MEMBER', 'SESSION');

-- CreateTable
CREATE TABLE "Change" (
    "id" BIGSERIAL NOT NULL,
    "xact" xid8 NOT NULL DEFAULT pg_current_xact_id(),
    "kind" "ChangeKind" NOT NULL,
    "userId" UUID,
    "groupId" UUID,
    "sessionId" UUID,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT clock_timestamp(),
    "doneAt" TIMESTAMPTZ(3),

    CONSTRAINT "Change_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Change_xact_idx" ON "Change"("xact");

-- From here on by hand: what schema.prisma cannot say.

-- What is owed to floor and presence: few rows among many.
CREATE INDEX "change_undone" ON "Change" ("id") WHERE "doneAt" IS NULL;

-- Each kind names exactly what it tells of.
ALTER TABLE "Change"
    ADD CONSTRAINT "change_names_its_fact" CHECK (
        ("userId" IS NOT NULL) = ("kind" IN ('USER', 'MEMBER', 'SESSION'))
        AND ("groupId" IS NOT NULL) = ("kind" IN ('GROUP', 'MEMBER'))
        AND ("sessionId" IS NOT NULL) = ("kind" = 'SESSION'));
