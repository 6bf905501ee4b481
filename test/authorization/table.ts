/**
 * Who gets which answer, written by hand from what was promised and not from the code: it is there to contradict the code. One line for each
 * operation and for each field of a type that tells of people, groups or devices; the columns are the kinds of people:
 *
 *   anonymous       no token
 *   outsider        signed in, manages another group
 *   member          of the group
 *   manager         of the group
 *   former manager  handed it over, and is an ordinary member since
 *   former member   was removed from the group
 *   disabled        was a member and uses the token of before
 *   admin           of the system, and no member
 *
 * An answer is the code of the refusal, the code of the first of `userErrors`, NULL, EMPTY (no entry), or OK. What is asked for stands in
 * requests.ts under the same name; in brackets what the object is where one operation is asked for several.
 */
export const OPERATIONS = `
                                                anonymous              outsider       member         manager        former manager  former member  disabled               admin
  Query.me                                      UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Query.user (oneself)                          UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Query.user (a member)                         UNAUTHENTICATED        NOT_FOUND      NOT_FOUND      NOT_FOUND      NOT_FOUND       NOT_FOUND      SESSION_REVOKED        OK
  Query.users                                   UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Query.group                                   UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Query.groups (those of a member)              UNAUTHENTICATED        EMPTY          OK             OK             OK              EMPTY          SESSION_REVOKED        OK
  Query.floor                                   UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Query.talkBursts                              UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Query.voiceSessions                           UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Query.sessions                                UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Query.secondFactor                            UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Query.devicePairing                           UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Query.auditLog                                UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Query.node (the group)                        UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Query.node (a member)                         UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Query.node (a membership)                     UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Query.node (a session of one's own)           UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Query.node (a session of a member)            UNAUTHENTICATED        NOT_FOUND      NOT_FOUND      NOT_FOUND      NOT_FOUND       NOT_FOUND      SESSION_REVOKED        NOT_FOUND
  Query.nodes (the group)                       UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK

  Mutation.login                                INVALID_CREDENTIALS    OK             OK             OK             OK              OK             INVALID_CREDENTIALS    OK
  Mutation.refreshSession                       INVALID_REFRESH_TOKEN  OK             OK             OK             OK              OK             INVALID_REFRESH_TOKEN  OK
  Mutation.renewConnection                      UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Mutation.logout                               UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Mutation.revokeSession (one's own)            UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Mutation.revokeSession (a member's)           UNAUTHENTICATED        NOT_FOUND      NOT_FOUND      NOT_FOUND      NOT_FOUND       NOT_FOUND      SESSION_REVOKED        NOT_FOUND
  Mutation.revokeOtherSessions                  UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Mutation.changePassword                       UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Mutation.startTotp                            UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Mutation.confirmTotp                          UNAUTHENTICATED        INVALID_TOTP   INVALID_TOTP   INVALID_TOTP   INVALID_TOTP    INVALID_TOTP   SESSION_REVOKED        INVALID_TOTP
  Mutation.disableTotp                          UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Mutation.resetTotp                            UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        ALREADY_ENDED
  Mutation.startDevicePairing                   OK                     OK             OK             OK             OK              OK             OK                     OK
  Mutation.approveDevicePairing (for oneself)   UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Mutation.approveDevicePairing (for a member)  UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.denyDevicePairing                    UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  Mutation.completeDevicePairing                OK                     OK             OK             OK             OK              OK             OK                     OK

  Mutation.createUser                           UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.updateUser                           UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.updateUser (oneself, to admin)       UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.disableUser                          UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.enableUser                           UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.deleteUser                           UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.resetUserPassword                    UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.createGroup                          UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.updateGroup                          UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.deleteGroup                          UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.addGroupMember (oneself)             UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.addGroupMember (somebody)            UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.updateGroupMember                    UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.removeGroupMember                    UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.assignGroupManager                   UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  Mutation.assignGroupManager (oneself)         UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        NOT_A_MEMBER

  Mutation.joinGroup                            UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN
  Mutation.leaveGroup                           UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN
  Mutation.heartbeat                            UNAUTHENTICATED        EMPTY          OK             OK             OK              EMPTY          SESSION_REVOKED        EMPTY
  Mutation.requestTalk                          UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN
  Mutation.renewTalk                            UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN
  Mutation.releaseTalk                          UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN
  Mutation.revokeTalk                           UNAUTHENTICATED        NOT_FOUND      FORBIDDEN      OK             FORBIDDEN       NOT_FOUND      SESSION_REVOKED        OK
  Mutation.muteMember                           UNAUTHENTICATED        NOT_FOUND      FORBIDDEN      OK             FORBIDDEN       NOT_FOUND      SESSION_REVOKED        OK
  Mutation.unmuteMember                         UNAUTHENTICATED        NOT_FOUND      FORBIDDEN      OK             FORBIDDEN       NOT_FOUND      SESSION_REVOKED        OK

  Subscription.speakerChanged                   UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Subscription.presence                         UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Subscription.floorMessage                     UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN
`

/** What is seen of the objects, whichever way leads to them; of each type the way that requests.ts takes. */
export const FIELDS = `
                                                anonymous              outsider       member         manager        former manager  former member  disabled               admin
  # Of a member of the group.
  User.id                                       UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  User.username                                 UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  User.displayName                              UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  User.systemRole                               UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  User.disabled                                 UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  User.createdAt                                UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK

  # Of the group.
  Group.id                                      UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Group.name                                    UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Group.description                             UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Group.createdAt                               UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Group.manager                                 UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Group.members                                 UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Group.floor                                   UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Group.talkLimitMs                             UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Group.preemptGraceMs                          UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Group.queueCapacity                           UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK

  # Of a member who is muted.
  GroupMember.id                                UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  GroupMember.user                              UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  GroupMember.role                              UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  GroupMember.canTalk                           UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  GroupMember.priority                          UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  GroupMember.mutedUntil                        UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK

  # While a member talks.
  Floor.groupId                                 UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Floor.state                                   UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Floor.burst                                   UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Floor.queueLength                             UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Floor.epoch                                   UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Floor.sequence                                UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Floor.cursor                                  UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  Floor.serverTime                              UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK

  # One that the manager ended.
  TalkBurst.id                                  UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  TalkBurst.group                               UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  TalkBurst.speaker                             UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  TalkBurst.priority                            UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  TalkBurst.fencingToken                        UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  TalkBurst.mediaIdentity                       UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  TalkBurst.startedAt                           UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  TalkBurst.expiresAt                           UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  TalkBurst.endedAt                             UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  TalkBurst.durationMs                          UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  TalkBurst.endReason                           UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  TalkBurst.revokedBy                           UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK

  # While the group is in use.
  GroupVoiceSession.id                          UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  GroupVoiceSession.group                       UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  GroupVoiceSession.startedAt                   UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  GroupVoiceSession.endedAt                     UNAUTHENTICATED        NOT_FOUND      NULL           NULL           NULL            NOT_FOUND      SESSION_REVOKED        NULL
  GroupVoiceSession.burstCount                  UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  GroupVoiceSession.talkMs                      UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK
  GroupVoiceSession.bursts                      UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        OK

  # What joining the group brings.
  MediaGrant.state                              UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN
  MediaGrant.url                                UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN
  MediaGrant.room                               UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN
  MediaGrant.identity                           UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN
  MediaGrant.token                              UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN
  MediaGrant.expiresAt                          UNAUTHENTICATED        NOT_FOUND      OK             OK             OK              NOT_FOUND      SESSION_REVOKED        FORBIDDEN

  # Of a device of "member".
  Session.id                                    UNAUTHENTICATED        NOT_FOUND      OK             NOT_FOUND      NOT_FOUND       NOT_FOUND      SESSION_REVOKED        NOT_FOUND
  Session.deviceName                            UNAUTHENTICATED        NOT_FOUND      OK             NOT_FOUND      NOT_FOUND       NOT_FOUND      SESSION_REVOKED        NOT_FOUND
  Session.current                               UNAUTHENTICATED        NOT_FOUND      OK             NOT_FOUND      NOT_FOUND       NOT_FOUND      SESSION_REVOKED        NOT_FOUND
  Session.createdAt                             UNAUTHENTICATED        NOT_FOUND      OK             NOT_FOUND      NOT_FOUND       NOT_FOUND      SESSION_REVOKED        NOT_FOUND
  Session.lastUsedAt                            UNAUTHENTICATED        NOT_FOUND      OK             NOT_FOUND      NOT_FOUND       NOT_FOUND      SESSION_REVOKED        NOT_FOUND
  Session.address                               UNAUTHENTICATED        NOT_FOUND      OK             NOT_FOUND      NOT_FOUND       NOT_FOUND      SESSION_REVOKED        NOT_FOUND
  Session.userAgent                             UNAUTHENTICATED        NOT_FOUND      OK             NOT_FOUND      NOT_FOUND       NOT_FOUND      SESSION_REVOKED        NOT_FOUND

  # One's own: there is no way to ask for another's.
  SecondFactor.since                            UNAUTHENTICATED        NULL           NULL           NULL           NULL            NULL           SESSION_REVOKED        NULL
  SecondFactor.recoveryCodesLeft                UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  SecondFactor.required                         UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK

  # Of a device that shows its code to who asks.
  DevicePairing.deviceName                      UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  DevicePairing.address                         UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  DevicePairing.userAgent                       UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  DevicePairing.createdAt                       UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  DevicePairing.expiresAt                       UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK

  # Of what an admin did to a group.
  AuditEntry.id                                 UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.number                             UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.at                                 UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.action                             UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.outcome                            UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.refusalCode                        UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        NULL
  AuditEntry.actor                              UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.actorId                            UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.sessionId                          UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.address                            UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.targetKind                         UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.targetId                           UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.details                            UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK
  AuditEntry.hash                               UNAUTHENTICATED        FORBIDDEN      FORBIDDEN      FORBIDDEN      FORBIDDEN       FORBIDDEN      SESSION_REVOKED        OK

  # With one's own password.
  LoginPayload.accessToken                      INVALID_CREDENTIALS    OK             OK             OK             OK              OK             INVALID_CREDENTIALS    OK
  LoginPayload.accessTokenExpiresAt             INVALID_CREDENTIALS    OK             OK             OK             OK              OK             INVALID_CREDENTIALS    OK
  LoginPayload.refreshToken                     INVALID_CREDENTIALS    OK             OK             OK             OK              OK             INVALID_CREDENTIALS    OK
  LoginPayload.session                          INVALID_CREDENTIALS    OK             OK             OK             OK              OK             INVALID_CREDENTIALS    OK
  LoginPayload.user                             INVALID_CREDENTIALS    OK             OK             OK             OK              OK             INVALID_CREDENTIALS    OK
  LoginPayload.userErrors                       INVALID_CREDENTIALS    EMPTY          EMPTY          EMPTY          EMPTY           EMPTY          INVALID_CREDENTIALS    EMPTY

  # With one's own refresh token.
  RefreshSessionPayload.accessToken             INVALID_REFRESH_TOKEN  OK             OK             OK             OK              OK             INVALID_REFRESH_TOKEN  OK
  RefreshSessionPayload.accessTokenExpiresAt    INVALID_REFRESH_TOKEN  OK             OK             OK             OK              OK             INVALID_REFRESH_TOKEN  OK
  RefreshSessionPayload.refreshToken            INVALID_REFRESH_TOKEN  OK             OK             OK             OK              OK             INVALID_REFRESH_TOKEN  OK
  RefreshSessionPayload.session                 INVALID_REFRESH_TOKEN  OK             OK             OK             OK              OK             INVALID_REFRESH_TOKEN  OK
  RefreshSessionPayload.user                    INVALID_REFRESH_TOKEN  OK             OK             OK             OK              OK             INVALID_REFRESH_TOKEN  OK
  RefreshSessionPayload.userErrors              INVALID_REFRESH_TOKEN  EMPTY          EMPTY          EMPTY          EMPTY           EMPTY          INVALID_REFRESH_TOKEN  EMPTY

  # Of a device whose code was approved by who asks. The code alone brings tokens: who could not approve it has no other.
  SessionTokens.accessToken                     NULL                   OK             OK             OK             OK              OK             NULL                   OK
  SessionTokens.accessTokenExpiresAt            NULL                   OK             OK             OK             OK              OK             NULL                   OK
  SessionTokens.refreshToken                    NULL                   OK             OK             OK             OK              OK             NULL                   OK
  SessionTokens.session                         NULL                   OK             OK             OK             OK              OK             NULL                   OK
  SessionTokens.user                            NULL                   OK             OK             OK             OK              OK             NULL                   OK

  # The secrets of one's own second factor.
  StartTotpPayload.otpauthUri                   UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  StartTotpPayload.userErrors                   UNAUTHENTICATED        EMPTY          EMPTY          EMPTY          EMPTY           EMPTY          SESSION_REVOKED        EMPTY
  ConfirmTotpPayload.recoveryCodes              UNAUTHENTICATED        OK             OK             OK             OK              OK             SESSION_REVOKED        OK
  ConfirmTotpPayload.userErrors                 UNAUTHENTICATED        EMPTY          EMPTY          EMPTY          EMPTY           EMPTY          SESSION_REVOKED        EMPTY
`

/** Streams that are open when the right to them is lost: the code of their last result. `goes on`: it was not lost. `-`: never had it. */
export const LOSSES = `
                                   speakerChanged   presence         floorMessage
  member: removed from the group   ACCESS_REVOKED   ACCESS_REVOKED   ACCESS_REVOKED
  member: the group is deleted     GROUP_CLOSED     GROUP_CLOSED     GROUP_CLOSED
  member: signed out               SESSION_REVOKED  SESSION_REVOKED  SESSION_REVOKED
  member: signed out by another    SESSION_REVOKED  SESSION_REVOKED  SESSION_REVOKED
  member: password changed         SESSION_REVOKED  SESSION_REVOKED  SESSION_REVOKED
  member: password reset           SESSION_REVOKED  SESSION_REVOKED  SESSION_REVOKED
  member: disabled                 SESSION_REVOKED  SESSION_REVOKED  SESSION_REVOKED
  member: deleted                  SESSION_REVOKED  SESSION_REVOKED  SESSION_REVOKED
  member: may only listen          goes on          goes on          goes on
  manager: hands over              goes on          goes on          goes on
  admin: is no admin any more      ACCESS_REVOKED   ACCESS_REVOKED   -
  admin: disabled                  SESSION_REVOKED  SESSION_REVOKED  -
`

/** Types of which no field is asked for by itself, and why. A type that stands nowhere here fails the test. */
export const NOT_SENSITIVE: Readonly<Record<string, string>> = {
  'Query Mutation Subscription': 'each of their fields has lines of its own',
  PageInfo: 'where a page ends; the page itself is in the table',
  'UserConnection UserEdge GroupConnection GroupEdge GroupMemberConnection GroupMemberEdge': 'pages of what is in the table',
  'TalkBurstConnection TalkBurstEdge GroupVoiceSessionConnection GroupVoiceSessionEdge': 'pages of what is in the table',
  'AuditEntryConnection AuditEntryEdge AuditDetail': 'pages and parts of entries, which are in the table',
  UserError: 'why the asker itself was refused',
  'SpeakerChanged PresenceChanged PresentMember FloorMessage':
    'come by a stream alone: who may open it is in the table, and sees all of it',
  'CreateUserPayload UpdateUserPayload DisableUserPayload EnableUserPayload DeleteUserPayload ResetUserPasswordPayload ResetTotpPayload':
    'answer an admin with a user, which is in the table',
  'CreateGroupPayload UpdateGroupPayload DeleteGroupPayload AssignGroupManagerPayload RemoveGroupMemberPayload':
    'answer an admin with a group, which is in the table',
  'AddGroupMemberPayload UpdateGroupMemberPayload': 'answer an admin with a membership, which is in the table',
  'MuteMemberPayload UnmuteMemberPayload RevokeTalkPayload': 'answer who may manage the group with what any member sees of it',
  'JoinGroupPayload LeaveGroupPayload HeartbeatPayload': 'answer a member with the own group; the grant to listen is in the table',
  'RequestTalkPayload RenewTalkPayload ReleaseTalkPayload': 'answer a member with the floor of the own group, which is in the table',
  'LogoutPayload RevokeSessionPayload RevokeOtherSessionsPayload ChangePasswordPayload RenewConnectionPayload DisableTotpPayload':
    'say that it is done',
  'StartDevicePairingPayload CompleteDevicePairingPayload': 'answer a device with its own codes; the tokens are in the table',
  'ApproveDevicePairingPayload DenyDevicePairingPayload': 'answer with the pairing, which is in the table',
}
