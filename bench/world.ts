import pg from 'pg'
import { pino } from 'pino'
import { openDatabase } from '../src/database/client.ts'
import { migrate } from '../src/database/migrations.ts'
import { hashPassword } from '../src/domains/auth/passwords.ts'
import { type GroupId, newId } from '../src/ids.ts'

/** What a NEDA finds when it starts: somebody who is a member of many groups. */
export interface World {
  readonly folder: string
  readonly databaseUrl: string
  readonly username: string
  readonly password: string
  readonly groupIds: readonly GroupId[]
}

const PASSWORD = 'a long enough password'
const log = pino({ level: 'silent' })

/** A world of its own in a database of its own: nothing that another contender does is in its way. */
export async function makeWorld(postgresUrl: string, folder: string, name: string, groups: number): Promise<World> {
  const url = new URL(postgresUrl)
  url.pathname = `/${name}`
  const client = new pg.Client(postgresUrl)
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  await migrate(url.href, { log })
  await using opened = openDatabase(url.href, log)
  const { db } = opened
  const userId = newId()
  const groupIds = Array.from({ length: groups }, () => newId<GroupId>())
  await db.user.create({
    data: { id: userId, username: 'talker', displayName: 'The person talker', passwordHash: await hashPassword(PASSWORD) },
  })
  await db.group.createMany({ data: groupIds.map((id, n) => ({ id, name: `Channel ${n}` })) })
  await db.groupMember.createMany({ data: groupIds.map((groupId) => ({ id: newId(), groupId, userId })) })
  return { folder, databaseUrl: url.href, username: 'talker', password: PASSWORD, groupIds }
}
