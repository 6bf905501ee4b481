type Env = Readonly<Record<string, string | undefined>>

/** What an example says that was copied, or a short text again and again. */
const GUESSED = /change.?me|your.?secret|replace.?(?:me|this)|^(.{1,8})\1+$/i
const FEWEST_CHARACTERS = 32
const FEWEST_DIFFERENT = 6

const SECRETS = ['SECRET_KEY', 'SECRET_KEY_PREVIOUS', 'LIVEKIT_API_SECRET', 'NEDA_BOOTSTRAP_ADMIN_PASSWORD'] as const
const KEYS = ['SECRET_KEY', 'SECRET_KEY_PREVIOUS', 'LIVEKIT_API_SECRET'] as const

/** What must not be so where people rely on it: each with the variable's name and what would be right, never with a value. */
export function unsafeInProduction(env: Env): string[] {
  return [
    ...KEYS.flatMap((name) => weakKey(env, name)),
    ...same(env),
    ...liveKit(env),
    ...bootstrap(env),
    ...embedded(env),
    ...forTests(env),
  ]
}

function weakKey(env: Env, name: (typeof KEYS)[number]): string[] {
  const key = env[name]
  if (key === undefined) return []
  if (key.length < FEWEST_CHARACTERS)
    return [`${name} must have at least ${FEWEST_CHARACTERS} characters, such as from openssl rand -hex 32`]
  if (new Set(key).size < FEWEST_DIFFERENT || GUESSED.test(key))
    return [`${name} can be guessed: take one at random, such as from openssl rand -hex 32`]
  return []
}

function same(env: Env): string[] {
  const given = SECRETS.filter((name) => env[name] !== undefined)
  return given.flatMap((one, index) =>
    given
      .slice(index + 1)
      .filter((other) => env[other] === env[one])
      .map((other) => `${one} and ${other} are the same: who learns one has both`),
  )
}

function liveKit({ LIVEKIT_API_KEY, LIVEKIT_API_SECRET, LIVEKIT_PUBLIC_URL, LIVEKIT_URL }: Env): string[] {
  const problems: string[] = []
  if (LIVEKIT_API_KEY === 'devkey' || LIVEKIT_API_SECRET === 'secret')
    problems.push('LIVEKIT_API_KEY and LIVEKIT_API_SECRET are those of livekit-server --dev, which everybody knows')
  const forDevices = LIVEKIT_PUBLIC_URL ?? LIVEKIT_URL
  if (forDevices !== undefined && /^(ws|http):/.test(forDevices) && !isLoopback(forDevices))
    problems.push(`${LIVEKIT_PUBLIC_URL === undefined ? 'LIVEKIT_URL' : 'LIVEKIT_PUBLIC_URL'} must be wss: devices send their tokens there`)
  return problems
}

function bootstrap({ NEDA_BOOTSTRAP_ADMIN_PASSWORD: password, NEDA_BOOTSTRAP_ADMIN_USERNAME: username }: Env): string[] {
  if (password === undefined) return []
  const isGuessed = /change.?me|123456|qwerty/i.test(password) || password.toLowerCase() === username?.toLowerCase()
  return isGuessed ? ['NEDA_BOOTSTRAP_ADMIN_PASSWORD can be guessed'] : []
}

/** One process with everything in it is for trying out, unless somebody means it. */
function embedded({ DATABASE_URL, REDIS_URL, NEDA_EMBEDDED }: Env): string[] {
  if (NEDA_EMBEDDED === 'allowed') return []
  const parts = [
    ...(DATABASE_URL === undefined ? ['DATABASE_URL is missing: NEDA would keep its own database in NEDA_DATA_DIR'] : []),
    ...(REDIS_URL === undefined
      ? ['REDIS_URL is missing: NEDA would keep the floor in this one process, which forgets it when it ends']
      : []),
  ]
  return parts.map((part) => `${part}. If that is meant: NEDA_EMBEDDED=allowed`)
}

const forTests = ({ NEDA_FAIL_AT }: Env) => (NEDA_FAIL_AT === undefined ? [] : ['NEDA_FAIL_AT is for tests alone'])

const isLoopback = (url: string) => URL.canParse(url) && ['127.0.0.1', '[::1]', 'localhost'].includes(new URL(url).hostname)
