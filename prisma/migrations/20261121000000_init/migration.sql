-- CreateEnum
CREATE TYPE "SystemRole" AS ENUM ('ADMIN', 'USER');

-- CreateEnum
CREATE TYPE "GroupRole" AS ENUM ('GROUP_MANAGER', 'MEMBER');

-- CreateEnum
CREATE TYPE "FloorPriority" AS ENUM ('LOW', 'NORMAL', 'HIGH', 'EMERGENCY');

-- CreateEnum
CREATE TYPE "TalkBurstEndReason" AS ENUM ('RELEASED', 'TALK_LIMIT', 'PREEMPTED', 'REVOKED_BY_MANAGER', 'NO_PERMISSION', 'CONNECTION_LOST', 'NOT_STARTED', 'MEMBER_REMOVED', 'SESSION_REVOKED', 'GROUP_CLOSED', 'SERVER_RECOVERY');

-- CreateTable
CREATE TABLE "User" (
    "id" UUID NOT NULL,
    "username" TEXT NOT NULL,
    "displayName" TEXT NOT NULL,
    "passwordHash" TEXT NOT NULL,
    "systemRole" "SystemRole" NOT NULL DEFAULT 'USER',
    "disabledAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Group" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "talkLimitMs" INTEGER NOT NULL DEFAULT 30000,
    "queueCapacity" INTEGER NOT NULL DEFAULT 10,
    "preemptGraceMs" INTEGER NOT NULL DEFAULT 500,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Group_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "GroupMember" (
    "id" UUID NOT NULL,
    "groupId" UUID NOT NULL,
    "userId" UUID NOT NULL,
    "role" "GroupRole" NOT NULL DEFAULT 'MEMBER',
    "canTalk" BOOLEAN NOT NULL DEFAULT true,
    "priority" "FloorPriority" NOT NULL DEFAULT 'NORMAL',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "GroupMember_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Session" (
    "id" UUID NOT NULL,
    "userId" UUID NOT NULL,
    "deviceName" TEXT NOT NULL,
    "refreshTokenHash" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastUsedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Session_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "GroupVoiceSession" (
    "id" UUID NOT NULL,
    "groupId" UUID NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "endedAt" TIMESTAMPTZ(3),

    CONSTRAINT "GroupVoiceSession_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SpeakerHistory" (
    "id" UUID NOT NULL,
    "groupId" UUID NOT NULL,
    "voiceSessionId" UUID NOT NULL,
    "userId" UUID NOT NULL,
    "sessionId" UUID NOT NULL,
    "priority" "FloorPriority" NOT NULL,
    "fencingToken" BIGINT NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "endedAt" TIMESTAMPTZ(3),
    "endReason" "TalkBurstEndReason",
    "revokedById" UUID,

    CONSTRAINT "SpeakerHistory_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "GroupMember_groupId_idx" ON "GroupMember"("groupId");

-- CreateIndex
CREATE INDEX "GroupMember_userId_idx" ON "GroupMember"("userId");

-- CreateIndex
CREATE UNIQUE INDEX "Session_refreshTokenHash_key" ON "Session"("refreshTokenHash");

-- CreateIndex
CREATE INDEX "Session_userId_idx" ON "Session"("userId");

-- CreateIndex
CREATE INDEX "GroupVoiceSession_groupId_startedAt_idx" ON "GroupVoiceSession"("groupId", "startedAt" DESC);

-- CreateIndex
CREATE INDEX "SpeakerHistory_groupId_startedAt_id_idx" ON "SpeakerHistory"("groupId", "startedAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "SpeakerHistory_voiceSessionId_idx" ON "SpeakerHistory"("voiceSessionId");

-- CreateIndex
CREATE INDEX "SpeakerHistory_userId_idx" ON "SpeakerHistory"("userId");

-- CreateIndex
CREATE UNIQUE INDEX "SpeakerHistory_groupId_fencingToken_key" ON "SpeakerHistory"("groupId", "fencingToken");

-- AddForeignKey
ALTER TABLE "GroupMember" ADD CONSTRAINT "GroupMember_groupId_fkey" FOREIGN KEY ("groupId") REFERENCES "Group"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "GroupMember" ADD CONSTRAINT "GroupMember_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Session" ADD CONSTRAINT "Session_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "GroupVoiceSession" ADD CONSTRAINT "GroupVoiceSession_groupId_fkey" FOREIGN KEY ("groupId") REFERENCES "Group"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SpeakerHistory" ADD CONSTRAINT "SpeakerHistory_groupId_fkey" FOREIGN KEY ("groupId") REFERENCES "Group"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SpeakerHistory" ADD CONSTRAINT "SpeakerHistory_voiceSessionId_fkey" FOREIGN KEY ("voiceSessionId") REFERENCES "GroupVoiceSession"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SpeakerHistory" ADD CONSTRAINT "SpeakerHistory_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SpeakerHistory" ADD CONSTRAINT "SpeakerHistory_sessionId_fkey" FOREIGN KEY ("sessionId") REFERENCES "Session"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SpeakerHistory" ADD CONSTRAINT "SpeakerHistory_revokedById_fkey" FOREIGN KEY ("revokedById") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- From here on by hand: what schema.prisma cannot say. test/database/constraints.test.ts asserts each of these.

-- A deleted user's name is free again, and no two differ only in case.
CREATE UNIQUE INDEX "user_active_username" ON "User" (lower("username")) WHERE "deletedAt" IS NULL;

-- A user is in a group at most once; whoever left may come back, and the old row stays for the history.
CREATE UNIQUE INDEX "group_member_active" ON "GroupMember" ("groupId", "userId") WHERE "deletedAt" IS NULL;

-- At most one manager in a group. At least one is what the service sees to.
CREATE UNIQUE INDEX "group_member_one_manager" ON "GroupMember" ("groupId") WHERE "deletedAt" IS NULL AND "role" = 'GROUP_MANAGER';

-- What is open now, for the recovery after a restart: few rows among many.
CREATE INDEX "speaker_history_open" ON "SpeakerHistory" ("groupId") WHERE "endedAt" IS NULL;
CREATE INDEX "group_voice_session_open" ON "GroupVoiceSession" ("groupId") WHERE "endedAt" IS NULL;

-- The limits of a group.
ALTER TABLE "Group"
    ADD CONSTRAINT "group_talk_limit" CHECK ("talkLimitMs" BETWEEN 5000 AND 300000),
    ADD CONSTRAINT "group_queue_capacity" CHECK ("queueCapacity" BETWEEN 0 AND 100),
    ADD CONSTRAINT "group_preempt_grace" CHECK ("preemptGraceMs" BETWEEN 0 AND 3000);

-- An emergency is declared by a request, never a standing right.
ALTER TABLE "GroupMember"
    ADD CONSTRAINT "group_member_no_standing_emergency" CHECK ("priority" <> 'EMERGENCY');

-- A burst that has ended says why, and does not end before it starts.
ALTER TABLE "SpeakerHistory"
    ADD CONSTRAINT "speaker_history_end_has_reason" CHECK (("endedAt" IS NULL) = ("endReason" IS NULL)),
    ADD CONSTRAINT "speaker_history_end_after_start" CHECK ("endedAt" >= "startedAt");

-- Sessions are in UTC whatever the server's own time zone is: an instant written without its offset would be off by it.
-- Only the database's owner may say so. Where that is someone else, the application still says it in each of its own sessions.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET TimeZone TO ''UTC''', current_database());
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'the time zone of database % is left as it is: this role does not own it', current_database();
END
$$;
