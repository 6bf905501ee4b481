import { readFileSync } from 'node:fs'
import {
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  getNamedType,
  getNullableType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isListType,
  isNonNullType,
  isObjectType,
  isSpecifiedScalarType,
  Kind,
  parse,
  print,
  printSchema,
} from 'graphql'
import { expect, test } from 'vitest'
import { schema } from '../src/graphql/schema.ts'

const types = Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].filter(
  (type) => type !== undefined && type !== null,
)
const mutations = Object.values(schema.getMutationType()?.getFields() ?? {})

test('schema.graphql is what the code says', () => {
  const file = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')
  expect(file, 'schema.graphql is not the schema of the code: run npm run schema').toBe(`${printSchema(schema)}\n`)
})

test('everything has a description', () => {
  const parts = [...schema.getDirectives().map(({ name, description }) => ({ name, description })), ...types.flatMap(describedParts)]
  expect(parts.length).toBeGreaterThan(200)
  expect(parts.filter(({ description }) => !description?.trim()).map(({ name }) => name)).toEqual([])
})

test.each(mutations)('$name takes one required input or nothing, and has a payload of its own', ({ name, args, type }) => {
  const Name = capitalised(name)
  expect(args.map((argument) => `${argument.name}: ${String(argument.type)}`)).toEqual(args.length === 0 ? [] : [`input: ${Name}Input!`])
  expect(String(type)).toBe(`${Name}Payload!`)
})

const ANSWER_IN_DATA = ['requestTalk', 'releaseTalk', 'renewTalk']
const administrative = mutations.filter(({ name }) => !ANSWER_IN_DATA.includes(name))

test.each(administrative)('$name says in userErrors why nothing changed, and needs no object then', ({ type }) => {
  const { userErrors, ...others } = (getNamedType(type) as GraphQLObjectType).getFields()
  expect(String(userErrors?.type)).toBe('[UserError!]!')
  const required = Object.values(others).filter((field) => isNonNullType(field.type) && isCompositeType(getNamedType(field.type)))
  expect(required.map((field) => field.name)).toEqual([])
})

test.each(mutations.filter(({ name }) => ANSWER_IN_DATA.includes(name)))('$name answers with the floor and no userErrors', ({ type }) => {
  const { userErrors, floor } = (getNamedType(type) as GraphQLObjectType).getFields()
  expect(userErrors).toBeUndefined()
  expect(String(floor?.type)).toBe('Floor!')
})

/** Taken by what Apollo generates in Swift or Kotlin, or by the languages. */
const TAKEN_TYPE_NAMES = new Set(
  `Any Bool Companion Data DataDict Double Error FragmentContainer Fragments Object ParentType Protocol Result Schema Selection Self
  Type`.split(/\s+/),
)
const TAKEN_FIELD_NAMES = new Set(
  `__data class data default enum extension fragments func fun import in init interface internal is object operator package private protocol
  public return self static super switch this throw throws try typealias val var when where while`.split(/\s+/),
)

test('no name hurts Swift or Kotlin', () => {
  expect(types.map(({ name }) => name).filter((name) => TAKEN_TYPE_NAMES.has(name))).toEqual([])
  const members = types.flatMap((type) => fieldsOf(type).flatMap(({ name, args }) => [name, ...args.map((argument) => argument.name)]))
  expect(members.filter((name) => TAKEN_FIELD_NAMES.has(name))).toEqual([])
  const values = types.flatMap((type) => (isEnumType(type) ? type.getValues() : [])).map(({ name }) => name)
  expect(values.filter((name) => !/^[A-Z][A-Z0-9_]*$/.test(name))).toEqual([])
})

test('no two fields differ by a plural alone', () => {
  // Relay's own names.
  expect(types.flatMap(pluralPairs)).toEqual(['Query: node, nodes'])
})

test.each(roots.flatMap((root) => Object.values(root.getFields()).map((field) => ({ path: `${root.name}.${field.name}`, field }))))(
  '$path states who may call it',
  ({ field }) => {
    const { authScopes } = (field.extensions as { pothosOptions?: { authScopes?: Record<string, unknown> } }).pothosOptions ?? {}
    const scopes = Object.keys(authScopes ?? {})
    expect(scopes).toHaveLength(1)
    expect(['public', 'signedIn', 'admin']).toContain(scopes[0])
    expect(/\bAdmins only\b/.test(field.description ?? ''), 'the description says the same').toBe(scopes[0] === 'admin')
    expect(/\bAnyone may\b/.test(field.description ?? ''), 'the description says the same').toBe(scopes[0] === 'public')
  },
)

/** What clients rely on. More may be there; of this nothing may go or change, and an enum has these values and no other. */
const PROMISED = parse(`
  enum SystemRole { ADMIN USER }
  enum GroupRole { GROUP_MANAGER MEMBER }
  enum FloorState { IDLE TAKEN PENDING_REVOKE CLOSED }
  enum FloorPriority { LOW NORMAL HIGH EMERGENCY }
  enum TalkOutcome { GRANTED QUEUED DENIED CANCELLED ENDED }
  enum FloorDenyReason { FLOOR_TAKEN RECEIVE_ONLY QUEUE_FULL RETRY_AFTER HELD_BY_OWN_DEVICE GROUP_CLOSED }
  enum TalkBurstEndReason {
    RELEASED TALK_LIMIT PREEMPTED REVOKED_BY_MANAGER NO_PERMISSION CONNECTION_LOST NOT_STARTED MEMBER_REMOVED SESSION_REVOKED GROUP_CLOSED
    SERVER_RECOVERY
  }
  enum SpeakerChangeKind { SNAPSHOT TAKEN IDLE PENDING_REVOKE QUEUE CLOSED }
  enum PresenceChangeKind { SNAPSHOT JOINED LEFT UPDATED }
  enum MediaState { READY JOIN_REQUIRED DEGRADED NONE }
  enum UserErrorCode {
    USERNAME_TAKEN ALREADY_MEMBER NOT_A_MEMBER GROUP_NEEDS_MANAGER LAST_ADMIN WEAK_PASSWORD INVALID_VALUE ALREADY_ENDED PAIRING_EXPIRED
    INVALID_TOTP
  }

  type Query {
    me: User!
    group(id: ID!): Group
    groups(first: Int, after: String): GroupConnection!
    floor(groupId: ID!): Floor!
    talkBursts(groupId: ID!, first: Int, after: String): TalkBurstConnection!
  }
  type Mutation {
    login(input: LoginInput!): LoginPayload!
    createUser(input: CreateUserInput!): CreateUserPayload!
    createGroup(input: CreateGroupInput!): CreateGroupPayload!
    addGroupMember(input: AddGroupMemberInput!): AddGroupMemberPayload!
    removeGroupMember(input: RemoveGroupMemberInput!): RemoveGroupMemberPayload!
    joinGroup(input: JoinGroupInput!): JoinGroupPayload!
    leaveGroup(input: LeaveGroupInput!): LeaveGroupPayload!
    heartbeat(input: HeartbeatInput!): HeartbeatPayload!
    requestTalk(input: RequestTalkInput!): RequestTalkPayload!
    releaseTalk(input: ReleaseTalkInput!): ReleaseTalkPayload!
    renewTalk(input: RenewTalkInput!): RenewTalkPayload!
    revokeTalk(input: RevokeTalkInput!): RevokeTalkPayload!
  }
  type Subscription {
    speakerChanged(groupId: ID!, after: EventCursor): SpeakerChanged!
    presence(groupId: ID!, after: EventCursor): PresenceChanged!
  }

  input LoginInput { username: String! password: String! deviceName: String }
  input RequestTalkInput { groupId: ID! requestId: ID! }
  input ReleaseTalkInput { groupId: ID! requestId: ID! }
  input RenewTalkInput { groupId: ID! burstId: ID! }
  input RevokeTalkInput { groupId: ID! burstId: ID! }

  type RequestTalkPayload {
    outcome: TalkOutcome!
    requestId: ID!
    burst: TalkBurst
    remainingMs: Int
    warnBeforeMs: Int
    renewEveryMs: Int
    leaseMs: Int
    queuePosition: Int
    denyReason: FloorDenyReason
    retryAfterMs: Int
    listenerCount: Int!
    media: MediaGrant
    floor: Floor!
  }
  type ReleaseTalkPayload { released: Boolean! floor: Floor! }
  type RenewTalkPayload { renewed: Boolean! remainingMs: Int floor: Floor! }
  type RevokeTalkPayload { revoked: Boolean! floor: Floor userErrors: [UserError!]! }
  type UserError { code: UserErrorCode! message: String! field: [String!] }

  type Floor {
    groupId: ID!
    state: FloorState!
    burst: TalkBurst
    queueLength: Int!
    epoch: String!
    sequence: Int!
    cursor: EventCursor!
    serverTime: DateTime!
  }
  type TalkBurst {
    id: ID!
    group: Group!
    speaker: User!
    priority: FloorPriority!
    fencingToken: String!
    mediaIdentity: String!
    startedAt: DateTime!
    expiresAt: DateTime
    endedAt: DateTime
    durationMs: Int
    endReason: TalkBurstEndReason
    revokedBy: User
  }
  type MediaGrant { state: MediaState! url: String! room: String! identity: String! token: String! expiresAt: DateTime! }
  type SpeakerChanged { kind: SpeakerChangeKind! floor: Floor! previous: TalkBurst gap: Boolean! cursor: EventCursor! }
  type PresenceChanged { kind: PresenceChangeKind! member: PresentMember everyone: [PresentMember!] gap: Boolean! cursor: EventCursor! }
  type PresentMember { user: User! devices: Int! since: DateTime! }
  type GroupMember { id: ID! user: User! role: GroupRole! canTalk: Boolean! priority: FloorPriority! mutedUntil: DateTime }
  type Group {
    id: ID!
    name: String!
    description: String
    manager: GroupMember!
    members(first: Int, after: String): GroupMemberConnection!
    floor: Floor!
    talkLimitMs: Int!
    queueCapacity: Int!
    preemptGraceMs: Int!
  }
`)

test.each(
  PROMISED.definitions.flatMap((definition) =>
    'name' in definition && definition.name ? [{ name: definition.name.value, definition }] : [],
  ),
)('$name is what was promised', ({ name, definition }) => {
  const type = schema.getType(name)
  if (definition.kind === Kind.ENUM_TYPE_DEFINITION) {
    const values = isEnumType(type) ? type.getValues().map((value) => value.name) : []
    expect(values.toSorted()).toEqual(definition.values?.map((value) => value.name.value).toSorted())
  }
  if (definition.kind === Kind.OBJECT_TYPE_DEFINITION || definition.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION) {
    const there = new Set(type ? fieldsOf(type).flatMap(signatures) : [])
    const promised = (definition.fields ?? []).flatMap((field) => [
      `${field.name.value}: ${print(field.type)}`,
      ...('arguments' in field ? (field.arguments ?? []) : []).map((it) => `${field.name.value}(${it.name.value}: ${print(it.type)})`),
    ])
    expect(promised.filter((signature) => !there.has(signature))).toEqual([])
  }
})

type Field = Pick<GraphQLField<unknown, unknown>, 'name' | 'description' | 'type' | 'args'>

function fieldsOf(type: GraphQLNamedType): Field[] {
  if (isInputObjectType(type)) return Object.values(type.getFields()).map((field) => ({ ...field, args: [] }) as unknown as Field)
  return isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : []
}

function describedParts(type: GraphQLNamedType) {
  const fields = fieldsOf(type).flatMap((field) => [
    { name: `${type.name}.${field.name}`, description: field.description },
    ...field.args.map(({ name, description }) => ({ name: `${type.name}.${field.name}(${name})`, description })),
  ])
  const values = (isEnumType(type) ? type.getValues() : []).map(({ name, description }) => ({ name: `${type.name}.${name}`, description }))
  return [{ name: type.name, description: type.description }, ...fields, ...values]
}

function signatures({ name, type, args }: Field): string[] {
  return [`${name}: ${String(type)}`, ...args.map((argument) => `${name}(${argument.name}: ${String(argument.type)})`)]
}

/** Apollo for Swift calls the type of a list's entries by the singular. Of the roots only lists matter: nobody selects `group` and `groups` together. */
function pluralPairs(type: GraphQLNamedType): string[] {
  const fields = fieldsOf(type)
  const isRoot = roots.some((root) => root === type)
  return fields.flatMap(({ name }) => {
    const plurals = fields.filter(
      (field) => [`${name}s`, `${name}es`, name.replace(/y$/, 'ies')].includes(field.name) && field.name !== name,
    )
    return plurals
      .filter((field) => !isRoot || isListType(getNullableType(field.type)))
      .map((field) => `${type.name}: ${name}, ${field.name}`)
  })
}

function capitalised(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
