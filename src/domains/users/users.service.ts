import type { Database } from '../../database/client.ts'
import { violates } from '../../database/violations.ts'
import { newId, type UserId } from '../../ids.ts'
import { name } from '../../input.ts'
import { hashPassword } from '../auth/passwords.ts'
import type { Standing } from '../auth/standing.ts'
import { type Outcome, refused } from '../outcome.ts'

export interface NewUser {
  readonly username: string
  readonly displayName: string | null
  readonly password: string
  readonly systemRole: 'ADMIN' | 'USER'
}

const SHORTEST_PASSWORD = 8
const LONGEST_PASSWORD = 128

export class UsersService {
  readonly #deps: { readonly db: Database; readonly standing: Standing }

  constructor(deps: { db: Database; standing: Standing }) {
    this.#deps = deps
  }

  /** Creates a person who may sign in. USERNAME_TAKEN and WEAK_PASSWORD are answers. */
  async createUser(input: NewUser): Promise<Outcome<UserId>> {
    const username = name(input.username, ['input', 'username'])
    const displayName = name(input.displayName ?? username, ['input', 'displayName'])
    if (input.password.length < SHORTEST_PASSWORD || input.password.length > LONGEST_PASSWORD)
      return refused('WEAK_PASSWORD', ['input', 'password'], `A password has ${SHORTEST_PASSWORD} to ${LONGEST_PASSWORD} characters.`)
    const passwordHash = await hashPassword(input.password)
    const id = newId<UserId>()
    try {
      await this.#deps.db.user.create({ data: { id, username, displayName, passwordHash, systemRole: input.systemRole } })
    } catch (error) {
      if (violates(error, 'user_active_username'))
        return refused('USERNAME_TAKEN', ['input', 'username'], 'Somebody else has this username.')
      throw error
    }
    await this.#deps.standing.userChanged(id)
    return { done: id, userErrors: [] }
  }

  /** Creates the admin that the operator named, unless somebody has that name already. */
  async ensureAdmin({ username, password }: { username: string; password: string }): Promise<void> {
    const { userErrors } = await this.createUser({ username, displayName: null, password, systemRole: 'ADMIN' })
    const [error] = userErrors
    if (error && error.code !== 'USERNAME_TAKEN') throw new Error(`NEDA_BOOTSTRAP_ADMIN_…: ${error.message}`)
  }
}
