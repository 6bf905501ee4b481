import '../domains/auth/auth.graphql.ts'
import '../domains/users/users.graphql.ts'
import '../domains/groups/groups.graphql.ts'
import '../domains/groups/members.graphql.ts'
import '../domains/presence/presence.graphql.ts'
import '../domains/floor/floor.graphql.ts'
import '../domains/floor/talk.graphql.ts'
import '../domains/floor/authority.graphql.ts'
import '../domains/floor/floor-message.graphql.ts'
import '../domains/media/media.graphql.ts'
import '../domains/history/history.graphql.ts'
import { builder } from './builder.ts'

export const schema = builder.toSchema()
