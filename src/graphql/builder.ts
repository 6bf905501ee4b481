import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import { DateTimeISOResolver } from 'graphql-scalars'
import type PrismaTypes from '../../prisma/generated/pothos.ts'
import { getDatamodel } from '../../prisma/generated/pothos.ts'
import type { Viewer } from '../domains/auth/auth.service.ts'
import { Refusal } from '../errors.ts'
import { adminOf, type Context, viewerOf } from './context.ts'
import { multiplierOf } from './cost.ts'
import { connectionDescriptions, DEFAULT_PAGE, MOST_PER_PAGE } from './pages.ts'

/** The schema's plugins, scalars and scopes; no types. The one singleton: everything else belongs to an app. */
export const builder = new SchemaBuilder<{
  Context: Context
  DefaultFieldNullability: false
  DefaultInputFieldRequiredness: false
  PrismaTypes: PrismaTypes
  AuthScopes: { public: boolean; signedIn: boolean; admin: boolean }
  AuthContexts: { signedIn: Context & { viewer: Viewer }; admin: Context & { viewer: Viewer } }
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
    EventCursor: { Input: string; Output: string }
  }
}>({
  plugins: [ScopeAuthPlugin, RelayPlugin, PrismaPlugin, ComplexityPlugin],
  defaultFieldNullability: false,
  prisma: {
    client: (context) => context.db,
    dmmf: getDatamodel(),
    exposeDescriptions: false,
    onUnusedQuery: 'error',
    defaultConnectionSize: DEFAULT_PAGE,
    maxConnectionSize: MOST_PER_PAGE,
  },
  // Counted before an operation is executed, not in its resolvers: an event has its subscription's.
  complexity: { disabled: true, fieldComplexity: multiplierOf },
  relay: {
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    nodeTypeOptions: { description: 'Anything that has an id of its own.' },
    idFieldOptions: { description: 'Opaque: names one thing of one type.' },
    ...connectionDescriptions,
  },
  scopeAuth: {
    // Refused before a stream is opened, not with every event.
    authorizeOnSubscribe: true,
    authScopes: (context) => ({
      public: true,
      signedIn: () => viewerOf(context) !== null,
      admin: () => adminOf(context) !== null,
    }),
  },
})

builder.addScalarType('DateTime', DateTimeISOResolver)
builder.scalarType('EventCursor', {
  description:
    "An opaque position in one of a group's two logs, floor or presence. Handed back as `after`, it brings what was missed since. The cursor of another group or log is BAD_USER_INPUT.",
  serialize: (value) => value,
  parseValue: (value) => {
    if (typeof value !== 'string') throw new Refusal('BAD_USER_INPUT', { sentence: 'A cursor is a string.' })
    return value
  },
})

builder.queryType({ description: 'What can be read.' })
builder.mutationType({ description: 'What can be changed.' })
builder.subscriptionType({ description: 'What can be watched.' })
