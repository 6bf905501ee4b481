import { join, resolve } from 'node:path'
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import type { LimitSettings } from './domains/auth/limits.ts'
import { limitSettings, limitVariables } from './limit-variables.ts'
import { FROM_FILES, withFiles } from './secret-files.ts'
import { type TransportSettings, transportSettings, transportVariables } from './transport-variables.ts'
import { unsafeInProduction } from './unsafe.ts'

/** What NEDA is told by its environment; each variable is described in .env.example. */
export interface Config {
  readonly environment: 'development' | 'production' | 'test'
  readonly host: string
  readonly port: number
  readonly publicUrl: string
  readonly allowedOrigins: readonly string[]
  /** Where secrets and the embedded database are kept. */
  readonly dataFolder: string
  /** The file in which it is noted where the audit log ends. */
  readonly auditAnchors: string
  readonly database: { readonly kind: 'embedded' } | { readonly kind: 'url'; readonly url: string }
  /** Where the floor is kept: in this process, or in Redis for many. */
  readonly realtime: { readonly kind: 'memory' } | { readonly kind: 'redis'; readonly url: string }
  readonly media: MediaConfig
  /** Signs access tokens; null: one is made and kept in the data folder. */
  readonly secretKey: string | null
  /** The one before it: what was signed or sealed with it is still good. */
  readonly previousSecretKey: string | null
  /** Whether an admin may administer only with a second factor. */
  readonly adminTotp: 'required' | 'optional'
  /** Where people go to approve a device; it is shown on the device. */
  readonly pairingUrl: string
  readonly bootstrapAdmin: { readonly username: string; readonly password: string } | null
  /** Characters, without a second factor. */
  readonly passwordMinLength: number
  readonly attemptLimits: LimitSettings
  readonly transports: TransportSettings
  /** Networks and addresses whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  /** Presses per second and session. */
  readonly pressRate: number
  /** Whether the demo people may exist: never in production, never where others than this machine can reach them. */
  readonly demo: boolean
  /** For crash tests: where this process kills itself. Never in production. */
  readonly failAt: string | null
}

type MediaConfig =
  | { readonly kind: 'none' }
  | { readonly kind: 'livekit'; readonly url: string; readonly publicUrl: string; readonly apiKey: string; readonly apiSecret: string }

/** All that is wrong with the environment, by name; never a value. */
class ConfigError extends Error {
  constructor(problems: readonly string[]) {
    super(`The environment is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}\nSee .env.example.`)
    this.name = 'ConfigError'
  }
}

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])

const url = (...protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  })

/** Separated by commas. */
const list = () =>
  z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== ''),
    )

const isNetwork = (text: string) => ipaddr.isValid(text) || ipaddr.isValidCIDR(text)

const text = (least: number) => z.string().min(least, `must have at least ${least} characters`)

const environment = z.object({
  NODE_ENV: z.enum(['development', 'production', 'test'], 'must be development, production or test').default('development'),
  HOST: text(1).default('127.0.0.1'),
  PORT: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(0, 'must be 0 to 65535')
    .max(65_535, 'must be 0 to 65535')
    .default(4000),
  PUBLIC_URL: url('http:', 'https:').optional(),
  ALLOWED_ORIGINS: list().refine((origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin), {
    error: 'must be a comma-separated list of origins such as https://console.example.org',
  }),
  NEDA_DATA_DIR: text(1).default('.neda'),
  AUDIT_ANCHORS: text(1).optional(),
  DATABASE_URL: url('postgres:', 'postgresql:').optional(),
  REDIS_URL: url('redis:', 'rediss:').optional(),
  LIVEKIT_URL: url('ws:', 'wss:', 'http:', 'https:').optional(),
  LIVEKIT_PUBLIC_URL: url('ws:', 'wss:').optional(),
  LIVEKIT_API_KEY: text(1).optional(),
  LIVEKIT_API_SECRET: text(1).optional(),
  SECRET_KEY: text(32).optional(),
  SECRET_KEY_PREVIOUS: text(32).optional(),
  NEDA_EMBEDDED: z.enum(['allowed'], 'must be allowed, or absent').optional(),
  ADMIN_TOTP: z.enum(['required', 'optional'], 'must be required or optional').optional(),
  PAIRING_URL: url('http:', 'https:').optional(),
  NEDA_BOOTSTRAP_ADMIN_USERNAME: z.string().trim().min(1, 'must not be blank').max(100, 'must have at most 100 characters').optional(),
  NEDA_BOOTSTRAP_ADMIN_PASSWORD: text(8).max(128, 'must have at most 128 characters').optional(),
  PASSWORD_MIN_LENGTH: z.coerce
    .number('must be a number')
    .int('must be a whole number')
    .min(8, 'must be 8 to 64')
    .max(64, 'must be 8 to 64')
    .default(15),
  ...limitVariables,
  ...transportVariables,
  TRUSTED_PROXIES: list().refine((networks) => networks.every(isNetwork), {
    error: 'must be a comma-separated list of addresses and networks such as 10.0.0.0/8',
  }),
  PRESS_RATE: z.coerce.number('must be a number').min(0.1, 'must be 0.1 to 1000').max(1_000, 'must be 0.1 to 1000').default(5),
  NEDA_FAIL_AT: text(1).optional(),
})

/** Every variable that NEDA reads. */
export const VARIABLES = [...Object.keys(environment.shape), ...FROM_FILES.map((name) => `${name}_FILE`)]

type Environment = z.infer<typeof environment>

/** Reads the whole environment, or throws a ConfigError that names all of its problems at once. An empty variable is an absent one. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const read = withFiles(env)
  const present = Object.fromEntries(Object.entries(read.env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = environment.safeParse(present)
  const own = parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`)
  const unsafe = present.NODE_ENV === 'production' ? unsafeInProduction(present) : []
  const problems = [...read.problems, ...own, ...contradictions(present), ...unsafe]
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems)
  const it = parsed.data
  const publicUrl = it.PUBLIC_URL ?? `http://${it.HOST === '0.0.0.0' || it.HOST === '::' ? 'localhost' : bracketed(it.HOST)}:${it.PORT}`
  return {
    environment: it.NODE_ENV,
    host: it.HOST,
    port: it.PORT,
    publicUrl,
    allowedOrigins: it.ALLOWED_ORIGINS,
    dataFolder: resolve(it.NEDA_DATA_DIR),
    auditAnchors: resolve(it.AUDIT_ANCHORS ?? join(it.NEDA_DATA_DIR, 'audit-anchors')),
    database: it.DATABASE_URL === undefined ? { kind: 'embedded' } : { kind: 'url', url: it.DATABASE_URL },
    realtime: it.REDIS_URL === undefined ? { kind: 'memory' } : { kind: 'redis', url: it.REDIS_URL },
    media: media(it),
    secretKey: it.SECRET_KEY ?? null,
    previousSecretKey: it.SECRET_KEY_PREVIOUS ?? null,
    adminTotp: it.ADMIN_TOTP ?? (it.NODE_ENV === 'production' ? 'required' : 'optional'),
    pairingUrl: it.PAIRING_URL ?? publicUrl,
    bootstrapAdmin: bootstrapAdmin(it),
    passwordMinLength: it.PASSWORD_MIN_LENGTH,
    attemptLimits: limitSettings(it),
    transports: transportSettings(it, { production: it.NODE_ENV === 'production' }),
    trustedProxies: it.TRUSTED_PROXIES,
    pressRate: it.PRESS_RATE,
    demo: it.NODE_ENV !== 'production' && LOOPBACK.has(it.HOST),
    failAt: it.NEDA_FAIL_AT ?? null,
  }
}

/** What is wrong between variables, each of which may be fine by itself. */
function contradictions(env: Readonly<Record<string, string | undefined>>): string[] {
  const together = (names: readonly string[], why: string) => {
    const missing = names.filter((name) => env[name] === undefined)
    return missing.length > 0 && missing.length < names.length ? missing.map((name) => `${name} is missing: ${why}`) : []
  }
  const problems = [
    ...together(['LIVEKIT_URL', 'LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET'], 'LiveKit needs its URL, key and secret'),
    ...together(['NEDA_BOOTSTRAP_ADMIN_USERNAME', 'NEDA_BOOTSTRAP_ADMIN_PASSWORD'], 'the first admin needs a name and a password'),
  ]
  if (env.LIVEKIT_PUBLIC_URL !== undefined && env.LIVEKIT_URL === undefined)
    problems.push('LIVEKIT_URL is missing: LIVEKIT_PUBLIC_URL is set')
  if (env.TRUSTED_DOCUMENTS === undefined && (env.TRUSTED_DOCUMENTS_MODE ?? 'off') !== 'off')
    problems.push('TRUSTED_DOCUMENTS is missing: TRUSTED_DOCUMENTS_MODE needs a manifest')
  if (env.NODE_ENV === 'production' && env.REDIS_URL !== undefined && env.SECRET_KEY === undefined)
    problems.push('SECRET_KEY is missing: instances that share a Redis sign and check the same tokens')
  return problems
}

function media(env: Environment): MediaConfig {
  const { LIVEKIT_URL, LIVEKIT_PUBLIC_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET } = env
  if (LIVEKIT_URL === undefined || LIVEKIT_API_KEY === undefined || LIVEKIT_API_SECRET === undefined) return { kind: 'none' }
  const publicUrl = LIVEKIT_PUBLIC_URL ?? LIVEKIT_URL.replace(/^http/, 'ws')
  return { kind: 'livekit', url: LIVEKIT_URL, publicUrl, apiKey: LIVEKIT_API_KEY, apiSecret: LIVEKIT_API_SECRET }
}

function bootstrapAdmin({ NEDA_BOOTSTRAP_ADMIN_USERNAME: username, NEDA_BOOTSTRAP_ADMIN_PASSWORD: password }: Environment) {
  return username === undefined || password === undefined ? null : { username, password }
}

const bracketed = (host: string) => (host.includes(':') ? `[${host}]` : host)
