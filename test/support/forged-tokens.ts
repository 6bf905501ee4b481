import { decodeJwt, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { AccessTokens } from '../../src/domains/auth/access-tokens.ts'
import { derivedKey } from '../../src/domains/auth/sealed.ts'
import type { SessionId, UserId } from '../../src/ids.ts'

/** The same as this access token, but good for so long from now on. */
export async function lasting(accessToken: string, ms: number, secretKey: string): Promise<string> {
  const { sub, sid } = decodeJwt<{ sid: SessionId }>(accessToken)
  const { token } = await new AccessTokens(secretKey, null, ms).mint({ userId: sub as UserId, sessionId: sid })
  return token
}

const PUBLIC_KEY = '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n'

/** Each in one point not what we make: everything else of it is right, also the signature where it is not about that. */
export async function forgedTokens(genuine: string, secretKey: string): Promise<Record<string, string>> {
  const claims = decodeJwt(genuine)
  const [head = ''] = genuine.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg: string; typ: string; kid: string }
  const key = derivedKey(secretKey, 'access tokens')
  const now = Math.floor(Date.now() / 1_000)
  const sign = (payload: JWTPayload, changed: object = {}, by: Uint8Array = key) =>
    new SignJWT(payload).setProtectedHeader({ ...header, ...changed }).sign(by)
  const { exp: _exp, ...endless } = claims
  const { iat: _iat, ...ageless } = claims
  const { sid: _sid, ...nowhere } = claims
  return {
    'no algorithm': new UnsecuredJWT(claims).encode(),
    'no algorithm, our header': `${Buffer.from(JSON.stringify({ ...header, alg: 'none' })).toString('base64url')}.${genuine.split('.')[1]}.`,
    'a public key as the secret': await sign(claims, {}, new TextEncoder().encode(PUBLIC_KEY)),
    'the secret key itself': await sign(claims, {}, new TextEncoder().encode(secretKey)),
    'the key of another use': await sign(claims, {}, derivedKey(secretKey, 'refresh tokens')),
    'another algorithm': await new SignJWT(claims)
      .setProtectedHeader({ ...header, alg: 'HS384' })
      .sign(derivedKey(secretKey, 'access tokens')),
    'another key id': await sign(claims, { kid: 'another' }),
    'no key id': await sign(claims, { kid: undefined }),
    'another issuer': await sign({ ...claims, iss: 'another' }),
    'another audience': await sign({ ...claims, aud: 'another' }),
    'another type': await sign(claims, { typ: 'JWT' }),
    expired: await sign({ ...claims, exp: now - 1 }),
    'no end': await sign(endless),
    'not yet': await sign({ ...claims, nbf: now + 3_600 }),
    'from later': await sign({ ...claims, iat: now + 3_600, exp: now + 7_200 }),
    'no time': await sign(ageless),
    'no session': await sign(nowhere),
    'a session that is no text': await sign({ ...claims, sid: { $ne: null } }),
    truncated: genuine.slice(0, -1),
    'without its signature': genuine.split('.').slice(0, 2).join('.'),
    altered: genuine.replace(/(?<=\.)[^.](?=[^.]*$)/, (first) => (first === 'A' ? 'B' : 'A')),
    'nine kilobytes': await sign({ ...claims, more: 'x'.repeat(9_000) }),
    'no token': 'nonsense',
  }
}
