import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startWithAdmin } from '../support/people.ts'

/** What an admin's client sends with every request: some audits ask for types, and a GET has to show that it is no link. */
const audits = (url: () => string, accessToken: () => string | null) =>
  serverAudits({
    url: () => `${url()}/graphql`,
    fetchFn: (input: string, init: RequestInit = {}) =>
      fetch(input, {
        ...init,
        headers: { 'x-neda-csrf': '1', authorization: `Bearer ${accessToken()}`, ...(init.headers as Record<string, string>) },
      }),
  })

describe("graphql-http's audit of GraphQL over HTTP, in production", () => {
  let neda: Awaited<ReturnType<typeof startWithAdmin>>
  beforeAll(async () => {
    neda = await startWithAdmin({ NODE_ENV: 'production', NEDA_EMBEDDED: 'allowed', ADMIN_TOTP: 'optional' })
  })
  afterAll(() => neda[Symbol.asyncDispose]())

  const all = audits(
    () => neda.url,
    () => neda.admin.accessToken,
  )

  test.for(all.map(({ id, name, fn }) => [id, name, fn] as const))('%s %s', async ([, , audit]) => {
    const result = await audit()
    expect(result.status, 'reason' in result ? result.reason : '').toBe('ok')
  })

  test('the audits were found', () => {
    expect(all.length).toBeGreaterThan(50)
  })
})
