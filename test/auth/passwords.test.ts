import { describe, expect, test } from 'vitest'
import { isTooLong, PasswordRules } from '../../src/domains/auth/password-rules.ts'
import { hashPassword, isOutdated, verifyPassword } from '../../src/domains/auth/passwords.ts'

const rules = new PasswordRules({ shortest: 15 })
const owner = { username: 'benjamin.franklin', displayName: 'Benjamin Franklin', totpSince: null }
const matches = (password: string, hash: string | null) => verifyPassword(password, hash, (check) => check())

describe('a password is', () => {
  test.each([
    ['seven characters', 'a7$kQ2z'],
    ['14 characters', 'correct horse1'],
    ['129 characters', 'x1$'.repeat(43)],
    ['twice a common one', 'passwordpassword'],
    ['a common one with numbers after it', 'iloveyou1234567890'],
    ['a common one between signs', '!!!!!sunshine!!!!!'],
    ['a row of keys', 'qwertyuiopasdfgh'],
    ['a row of digits', '123456789012345'],
    ['one character again and again', 'a'.repeat(20)],
    ['a common one in capitals', 'PASSWORDPASSWORD'],
    ['in full-width letters', 'ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ'],
    ['the own username', 'benjamin.franklin'],
    ['the own name with a year', 'BenjaminFranklin1706'],
    ['our name again and again', 'neda neda neda neda'],
    ['our name and what it does', 'NEDA-push-to-talk!'],
  ])('weak: %s', (_what, password) => {
    expect(rules.weakness(password, owner)).toContain('15 to 128 characters')
  })

  test.each([
    'four words are enough',
    'correct battery horse',
    'neda listens to the whole night shift',
    'گذرواژه‌ی من دراز است',
    'x1$9'.repeat(32),
  ])('fit: %s', (password) => {
    expect(rules.weakness(password, owner)).toBeNull()
  })

  test('fit with eight characters for who has a second factor, and never a common one', () => {
    const careful = { ...owner, totpSince: new Date() }
    expect(rules.weakness('a7$kQ2zP', careful)).toBeNull()
    expect(rules.weakness('a7$kQ2z', careful)).toContain('8 to 128')
    expect(rules.weakness('sunshine', careful)).toContain('8 to 128')
    expect(new PasswordRules({ shortest: 8 }).weakness('a7$kQ2zP', owner)).toBeNull()
  })

  test('as long as one sees it', () => {
    expect(isTooLong('🔑'.repeat(128))).toBe(false)
    expect(isTooLong('🔑'.repeat(129))).toBe(true)
  })
})

describe('a hash', () => {
  test('is of the whole password: the 128th character counts', async () => {
    const password = `${'long '.repeat(25)}ab!`
    expect(password).toHaveLength(128)
    const hash = await hashPassword(password)
    expect(await matches(password, hash)).toBe(true)
    expect(await matches(`${password.slice(0, -1)}?`, hash)).toBe(false)
    expect(await matches(password.slice(0, -1), hash)).toBe(false)
  })

  test('is the same however a keyboard spells the characters', async () => {
    const hash = await hashPassword('un café très long'.normalize('NFC'))
    expect(await matches('un café très long'.normalize('NFD'), hash)).toBe(true)
  })

  test('says when it was made for less', async () => {
    const hash = await hashPassword('four words are enough')
    expect(isOutdated(hash)).toBe(false)
    expect(isOutdated(hash.replace('m=19456', 'm=9216'))).toBe(true)
    expect(isOutdated(hash.replace('t=2', 't=1'))).toBe(true)
  })

  test('of nobody matches nothing', async () => {
    expect(await matches('four words are enough', null)).toBe(false)
  })

  test('is not made for everybody at once: what does not fit into the queue is told to wait', async () => {
    const results = await Promise.allSettled(Array.from({ length: 70 }, () => matches('four words are enough', null)))
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    expect(refused.length).toBe(70 - 52)
    for (const refusal of refused) expect(refusal).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) })
  })
})
