import type { Database } from '../src/database/client.ts'
import { DEMO_PASSWORD } from '../src/domains/auth/auth.service.ts'
import type { GroupsService } from '../src/domains/groups/groups.service.ts'
import type { Outcome } from '../src/domains/outcome.ts'
import type { UsersService } from '../src/domains/users/users.service.ts'
import type { GroupId } from '../src/ids.ts'

export const DEMO_GROUP = 'Night watch'

const PEOPLE = [
  { username: 'admin', displayName: 'Ada Admin', systemRole: 'ADMIN' },
  { username: 'maya', displayName: 'Maya (manager)', systemRole: 'USER' },
  { username: 'ben', displayName: 'Ben', systemRole: 'USER' },
  { username: 'cleo', displayName: 'Cleo', systemRole: 'USER' },
] as const

/** Four people and a group to try things with: made once, in a database that never had a group, and not again when they were deleted. */
export async function seedDemo({ db, users, groups }: { db: Database; users: UsersService; groups: GroupsService }): Promise<void> {
  if ((await db.group.count()) > 0) return
  const [admin, managerId, ...memberIds] = await Promise.all(
    PEOPLE.map(async (person) => {
      const known = await db.user.findFirst({ where: { username: person.username, deletedAt: null } })
      return known ? known.id : done(await users.createUser({ ...person, password: DEMO_PASSWORD }))
    }),
  )
  if (admin && managerId) {
    const description = 'A demo group: press, talk, release.'
    done(
      await groups.createGroup({
        name: DEMO_GROUP,
        description,
        managerId: managerId as never,
        memberIds: memberIds as never[],
        settings: {},
      }),
    )
  }
}

function done<Done>({ done: result, userErrors }: Outcome<Done>): Done {
  if (result === null) throw new Error(`the demo could not be made: ${userErrors.map(({ message }) => message).join(' ')}`)
  return result
}

/** The group of that name that is oldest, unless somebody deleted or renamed it. */
export async function demoGroupId(db: Database): Promise<GroupId | null> {
  const group = await db.group.findFirst({
    where: { name: DEMO_GROUP, deletedAt: null },
    orderBy: { createdAt: 'asc' },
    select: { id: true },
  })
  return group && (group.id as GroupId)
}
