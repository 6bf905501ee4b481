import { graphql, startNeda, temporaryFolder } from './support.ts'

/**
 * How long an unknown name, a wrong password and a disabled account take to be refused: who times the answers should learn nothing. Prints each
 * beside the wrong password, of the fastest tenth: what else the machine does makes some answers slower, and none faster.
 */
const ROUNDS = 300
const WARM = 10
const LOGIN = 'mutation ($input: LoginInput!) { login(input: $input) { accessToken } }'
const CREATE = 'mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } } }'
const DISABLE = 'mutation ($input: DisableUserInput!) { disableUser(input: $input) { user { id } } }'
const password = 'a long enough password'

using folder = temporaryFolder()
await using neda = await startNeda(folder.path, 'node', ['src/main.ts'], {
  LOGIN_FAILURES_PER_ACCOUNT: '100000',
  LOGIN_FAILURES_PER_ADDRESS: '100000',
})
const { login } = await graphql<{ login: { accessToken: string } }>(neda.url, LOGIN, {
  input: { username: 'admin', password: 'push-to-talk' },
})
const administer = <Result>(query: string, input: object) => graphql<Result>(neda.url, query, { input }, login.accessToken)
await administer(CREATE, { username: 'ben', displayName: 'Ben', password }).catch(() => {
  // A demo person has the name.
})
const { createUser } = await administer<{ createUser: { user: { id: string } } }>(CREATE, { username: 'dan', displayName: 'Dan', password })
await administer(DISABLE, { userId: createUser.user.id })

const cases = Object.entries({
  'unknown name': { username: 'eve', password: 'a wrong password' },
  'wrong password': { username: 'ben', password: 'a wrong password' },
  'disabled account': { username: 'dan', password },
})
const times = new Map<string, number[]>(cases.map(([name]) => [name, []]))
for (let round = 0; round < WARM + ROUNDS; round++) {
  // What comes first in its round has no other's leavings to clear away.
  for (const [name, input] of [...cases.slice(round % cases.length), ...cases.slice(0, round % cases.length)]) {
    const began = performance.now()
    const refused = await graphql(neda.url, LOGIN, { input }).then(
      () => false,
      () => true,
    )
    if (!refused) throw new Error(`${name} was let in`)
    if (round >= WARM) times.get(name)?.push(performance.now() - began)
  }
}
const typical = (values: readonly number[] = []) => {
  const fastest = values.toSorted((one, other) => one - other).slice(0, values.length / 10)
  return fastest.reduce((sum, value) => sum + value, 0) / fastest.length
}
const wrong = typical(times.get('wrong password'))
for (const [name, values] of times)
  console.log(`${name.padEnd(18)}${typical(values).toFixed(2)} ms  ${(typical(values) / wrong).toFixed(3)}`)
