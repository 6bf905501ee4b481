import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { readConfig, VARIABLES } from '../src/config.ts'

interface Service {
  readonly environment: Readonly<Record<string, string>>
  readonly ports?: readonly { readonly host_ip?: string; readonly published: string; readonly target: number; readonly protocol: string }[]
  readonly command?: readonly string[]
  readonly volumes?: readonly string[]
  readonly profiles?: readonly string[]
  readonly healthcheck: { readonly test: readonly string[] }
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

const root = fileURLToPath(new URL('..', import.meta.url))
const source = readFileSync(`${root}docker-compose.yml`, 'utf8')
const liveKit = parse(readFileSync(`${root}deploy/livekit.yaml`, 'utf8'))
const known = VARIABLES

/** What an operator would put into .env. */
const FILLED_IN = {
  POSTGRES_PASSWORD: '0123456789abcdef',
  REDIS_PASSWORD: 'fedcba9876543210',
  LIVEKIT_PUBLIC_URL: 'wss://voice.example.org',
  LIVEKIT_NODE_IP: '203.0.113.7',
  LIVEKIT_API_KEY: '424242',
  LIVEKIT_API_SECRET: '01234567890123456789012345678901',
  SECRET_KEY: '98765432109876543210987654321098',
  NEDA_BOOTSTRAP_ADMIN_PASSWORD: 'a long first password',
}

type Values = Readonly<Record<string, string>>
const withoutEmpty = (values: Values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ''))
const services = resolve(FILLED_IN)

test('four services, each with what only it needs, and one more for networks that let only TLS through', () => {
  expect(Object.keys(services).toSorted()).toEqual(['api', 'livekit', 'postgres', 'redis', 'turn'])
  expect(service('turn').profiles).toEqual(['turn'])
  expect(service('api').depends_on).toMatchObject({
    postgres: { condition: 'service_healthy' },
    redis: { condition: 'service_healthy' },
  })
  expect(service('api').healthcheck.test.join(' ')).toContain('http://127.0.0.1:4000/readyz')
})

test('devices reach voice directly, all else passes a proxy on this machine', () => {
  expect(ports('api')).toEqual(['127.0.0.1:4000:4000/tcp'])
  expect(ports('livekit')).toEqual(['127.0.0.1:7880:7880/tcp', '*:7881:7881/tcp', '*:7882:7882/udp'])
  expect(ports('postgres')).toEqual([])
  expect(ports('redis')).toEqual([])
  expect(ports('turn')).toEqual(['*:443:5349/tcp'])
  const { port, rtc, turn } = liveKit
  expect([port, rtc.tcp_port, rtc.udp_port, turn.tls_port]).toEqual([7880, 7881, 7882, 5349])
})

test('LiveKit reports to the API what it reads, signed with the key that it knows', () => {
  expect(liveKit.webhook.urls).toEqual(['http://api:4000/webhooks/livekit'])
  expect(liveKit.webhook.filter_params.include_events).toEqual(expect.arrayContaining(['participant_joined', 'track_published']))
  expect(service('livekit').environment.LIVEKIT_WEBHOOK_API_KEY).toBe(FILLED_IN.LIVEKIT_API_KEY)
})

test('LiveKit carries voice alone', () => {
  expect(liveKit.room.enabled_codecs).toEqual([{ mime: 'audio/opus' }, { mime: 'audio/red' }])
})

test('TURN is there when it has a name', () => {
  expect(service('livekit').environment).toMatchObject({ LIVEKIT_TURN_ENABLED: '', LIVEKIT_TURN_DOMAIN: '' })
  const { livekit } = resolve({ ...FILLED_IN, TURN_DOMAIN: 'turn.example.org' })
  expect(livekit?.environment).toMatchObject({ LIVEKIT_TURN_ENABLED: 'true', LIVEKIT_TURN_DOMAIN: 'turn.example.org' })
})

test('the API is given what it knows, and starts with it', () => {
  const { environment } = service('api')
  expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([])
  expect(readConfig(environment)).toMatchObject({
    environment: 'production',
    host: '0.0.0.0',
    port: 4000,
    publicUrl: 'http://localhost:4000',
    database: { kind: 'url', url: `postgresql://neda:${FILLED_IN.POSTGRES_PASSWORD}@postgres:5432/neda` },
    realtime: { kind: 'redis', url: `redis://:${FILLED_IN.REDIS_PASSWORD}@redis:6379` },
    media: {
      kind: 'livekit',
      url: 'http://livekit:7880',
      publicUrl: FILLED_IN.LIVEKIT_PUBLIC_URL,
      apiKey: FILLED_IN.LIVEKIT_API_KEY,
      apiSecret: FILLED_IN.LIVEKIT_API_SECRET,
    },
    secretKey: FILLED_IN.SECRET_KEY,
    bootstrapAdmin: { username: 'admin', password: FILLED_IN.NEDA_BOOTSTRAP_ADMIN_PASSWORD },
    demo: false,
  })
})

test('what an operator may set reaches the API', () => {
  const set = readConfig({ ...service('api').environment })
  const optional = known.filter((name) => source.includes(`${name}: \${${name}:-`))
  // These are the container's own, files that it would have to be given, or not for production.
  const own = /_FILE$|^(NODE_ENV|HOST|PORT|.*_URL|NEDA_DATA_DIR|AUDIT_ANCHORS|NEDA_EMBEDDED|NEDA_FAIL_AT)$/
  const required = Object.keys(FILLED_IN)
  expect(known.filter((name) => ![...optional, ...required].includes(name) && !own.test(name))).toEqual(['TRUSTED_DOCUMENTS'])
  expect(optional).toEqual(expect.arrayContaining(['PUBLIC_URL', 'PAIRING_URL']))
  expect(set, 'what is not set is as it would be without').toEqual(readConfig(withoutEmpty(service('api').environment)))
  const { api } = resolve({ ...FILLED_IN, TRUSTED_DOCUMENTS: './documents.json', TRUSTED_DOCUMENTS_MODE: 'enforce' })
  expect(api?.environment).toMatchObject({ TRUSTED_DOCUMENTS: '/etc/neda/trusted-documents.json', TRUSTED_DOCUMENTS_MODE: 'enforce' })
  expect(api?.volumes).toContain('./documents.json:/etc/neda/trusted-documents.json:ro')
})

test('Redis forgets nothing, and throws nothing away', () => {
  const command = service('redis').command?.join(' ')
  expect(command).toContain('--appendonly yes')
  expect(command).toContain('--maxmemory-policy noeviction')
  expect(command).toContain(`--requirepass ${FILLED_IN.REDIS_PASSWORD}`)
})

test('PostgreSQL and LiveKit expect what the API sends', () => {
  expect(service('postgres').environment).toMatchObject({
    POSTGRES_USER: 'neda',
    POSTGRES_DB: 'neda',
    POSTGRES_PASSWORD: FILLED_IN.POSTGRES_PASSWORD,
  })
  const { LIVEKIT_KEYS = '', NODE_IP } = service('livekit').environment
  // LiveKit drops a secret that is no string to YAML.
  expect(parse(LIVEKIT_KEYS)).toEqual({ [FILLED_IN.LIVEKIT_API_KEY]: FILLED_IN.LIVEKIT_API_SECRET })
  expect(NODE_IP).toBe(FILLED_IN.LIVEKIT_NODE_IP)
})

test('no secret has a default, and none is in a file', () => {
  for (const name of Object.keys(FILLED_IN)) {
    const { [name as keyof typeof FILLED_IN]: _, ...others } = FILLED_IN
    expect(() => resolve(others), name).toThrow(name)
  }
  const given = Object.values<{ environment?: Values }>(parse(source).services).flatMap(({ environment = {} }) =>
    Object.entries(environment),
  )
  const secrets = given.filter(([name]) => /PASSWORD|SECRET|KEY|TOKEN/.test(name))
  expect(secrets.length).toBeGreaterThan(0)
  for (const [name, value] of secrets) expect(value.replaceAll(/\$\{[A-Z_]+:(\?[^}]+|-)\}/g, ''), name).toMatch(/^[": ]*$/)
  expect(liveKit).not.toHaveProperty('keys')
})

function service(name: string): Service {
  const found = services[name]
  if (!found) throw new Error(`docker-compose.yml has no service ${name}`)
  return found
}

function ports(name: string): string[] {
  const list = service(name).ports ?? []
  return list.map(({ host_ip = '*', published, target, protocol }) => `${host_ip}:${published}:${target}/${protocol}`)
}

/** As Docker Compose understands the file, for which it needs no engine; where it is not installed, as far as we understand it ourselves. */
function resolve(values: Values): Readonly<Record<string, Service>> {
  if (hasCompose()) {
    const { status, stdout, stderr } = compose(['--env-file', '/dev/null', 'config', '--format', 'json'], values)
    if (status !== 0) throw new Error(stderr)
    return JSON.parse(stdout).services
  }
  return parse(source, (_key, value: unknown) => (typeof value === 'string' ? interpolate(value, values) : value)).services
}

function hasCompose(): boolean {
  return compose(['version'], {}).status === 0
}

function compose(args: readonly string[], values: Values) {
  const { PATH, HOME, DOCKER_CONFIG } = process.env
  return spawnSync('docker', ['compose', ...args], { cwd: root, env: { PATH, HOME, DOCKER_CONFIG, ...values }, encoding: 'utf8' })
}

function interpolate(text: string, values: Values): string {
  return text.replaceAll(/\$\{([A-Z_]+):([-?+])([^}]*)\}/g, (_, name: string, kind: string, rest: string) => {
    const value = values[name] ?? ''
    if (value === '' && kind === '?') throw new Error(`required variable ${name} is missing a value: ${rest}`)
    if (kind === '+') return value === '' ? '' : rest
    return value === '' ? rest : value
  })
}
