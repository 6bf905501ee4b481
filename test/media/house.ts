import { join } from 'node:path'
import { pino } from 'pino'
import { createApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { freePort } from '../../src/database/embedded/server.ts'
import { openEmbeddedPostgres } from '../../src/database/embedded-postgres.ts'
import { Client, signIn } from '../support/client.ts'
import { dataFolder } from '../support/data-folder.ts'
import { createPerson, PASSWORD } from '../support/people.ts'
import { startRedis } from '../support/redis-server.ts'

export interface HouseOptions {
  /** So many NEDA share one Redis and one PostgreSQL; one has both in itself. */
  readonly instances?: number
  /** What they are told besides. */
  readonly env?: Env
}

type Env = Readonly<Record<string, string>>

const ADMIN = { username: 'root', password: PASSWORD }
const WHO_AND_HOW: Env = {
  NODE_ENV: 'production',
  NEDA_EMBEDDED: 'allowed',
  ADMIN_TOTP: 'optional',
  // Everything comes from one address.
  REQUESTS_PER_ADDRESS: '10000',
  NEDA_BOOTSTRAP_ADMIN_USERNAME: ADMIN.username,
  NEDA_BOOTSTRAP_ADMIN_PASSWORD: ADMIN.password,
  SECRET_KEY: 'the same at every instance of this house',
  // Presses are the means here, and none comes too soon.
  PRESS_RATE: '1000',
}

/** One NEDA or several, in this process. They can be stopped and started again. */
export class House implements AsyncDisposable {
  /** What was logged since the first start. */
  readonly logged: string[] = []
  readonly #ports: readonly number[]
  readonly #behind: AsyncDisposableStack
  #env: Env = {}
  #apps = new AsyncDisposableStack()
  #admin: Client | null = null
  #people: ReturnType<typeof signInPeople> | undefined

  private constructor(ports: readonly number[], behind: AsyncDisposableStack) {
    this.#ports = ports
    this.#behind = behind
  }

  /** Nobody is in it before it is started. */
  static async build({ instances = 1, env = {} }: HouseOptions): Promise<House> {
    await using behind = new AsyncDisposableStack()
    const folder = behind.use(await dataFolder())
    const ports = await Promise.all(Array.from({ length: instances }, freePort))
    const data = { NEDA_DATA_DIR: join(folder.path, 'data') }
    const shared = instances > 1 ? await share(data.NEDA_DATA_DIR, behind) : {}
    const house = new House(ports, behind.move())
    house.#env = { ...WHO_AND_HOW, ...data, ...shared, ...env }
    return house
  }

  urlOf(instance: number): string {
    return `http://127.0.0.1:${this.#ports[instance]}`
  }

  get admin(): Client {
    if (!this.#admin) throw new Error('it was not started')
    return this.#admin
  }

  /** Somebody for every group: signing in takes time. */
  people() {
    this.#people ??= this.newPeople()
    return this.#people
  }

  newPeople() {
    return signInPeople(this.admin)
  }

  async start(env: Env = {}): Promise<void> {
    this.#env = { ...env, ...this.#env }
    const log = pino({ level: 'info' }, { write: (line: string) => void this.logged.push(line) })
    for (const port of this.#ports) this.#apps.use(await createApp(readConfig({ ...this.#env, PORT: String(port) }), { log }))
    this.#admin ??= await signIn(this.urlOf(0), ADMIN.username, ADMIN.password)
  }

  /** In an orderly way; who is signed in stays so. */
  async stop(): Promise<void> {
    const apps = this.#apps
    this.#apps = new AsyncDisposableStack()
    await apps.disposeAsync()
  }

  async [Symbol.asyncDispose]() {
    await this.stop()
    await this.#behind.disposeAsync()
  }
}

/** What several instances share. */
async function share(folder: string, behind: AsyncDisposableStack): Promise<Env> {
  const postgres = behind.use(await openEmbeddedPostgres({ folder, log: pino({ level: 'silent' }) }))
  const redis = behind.use(await startRedis())
  return { DATABASE_URL: postgres.url, REDIS_URL: redis.url }
}

async function signInPeople(admin: Client) {
  const [maya, ben, cleo] = await Promise.all([createPerson(admin, 'Maya'), createPerson(admin, 'Ben'), createPerson(admin, 'Cleo')])
  const [mayas, bens, cleos] = await Promise.all([maya.device(), ben.device(), cleo.device()])
  return { maya, ben, cleo, watches: { maya: mayas, ben: bens, cleo: cleos } }
}
