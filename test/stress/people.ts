import pLimit from 'p-limit'
import { Client } from '../support/client.ts'
import { createPerson, type Person } from '../support/people.ts'

/** Where a device can turn to: an instance, or a line to one. */
export interface Place {
  readonly url: string
}

/** One signed-in device: a session, which may turn to any instance. */
export class Device {
  readonly person: Person
  readonly accessToken: string

  constructor(person: Person, accessToken: string) {
    this.person = person
    this.accessToken = accessToken
  }

  get userId(): string {
    return this.person.id
  }

  at({ url }: Place): Client {
    return new Client(url, this.accessToken)
  }

  /** Another device of the same user. */
  async other(): Promise<Device> {
    return signedIn(this.person)
  }
}

async function signedIn(person: Person): Promise<Device> {
  const { accessToken } = await person.device()
  if (accessToken === null) throw new Error('no access token')
  return new Device(person, accessToken)
}

const NAMES = ['Maya', 'Ben', 'Cleo', 'Dan', 'Eve', 'Finn', 'Gita', 'Hugo', 'Iris', 'Jon']

/** Signing in is dear, so people go from scenario to scenario; one at a time, each with one device. */
export class People {
  readonly #admin: Client
  readonly #free: Device[] = []
  /** An instance turns away whoever would make its queue of passwords too long. */
  readonly #atOnce = pLimit(4)
  #made = 0

  constructor(admin: Client) {
    this.#admin = admin
  }

  async take(count: number): Promise<Device[]> {
    const known = this.#free.splice(0, count)
    return [...known, ...(await Promise.all(Array.from({ length: count - known.length }, () => this.newcomer())))]
  }

  /** Makes people before they are needed: it is dear, and would slow what is measured. */
  async prepare(count: number): Promise<void> {
    this.giveBack(await this.take(count))
  }

  giveBack(devices: readonly Device[]): void {
    this.#free.push(...devices)
  }

  /** Somebody whom no other scenario gets: to be disabled, signed out, deleted. */
  newcomer(): Promise<Device> {
    const name = NAMES[this.#made++ % NAMES.length] ?? 'Kim'
    return this.#atOnce(async () => signedIn(await createPerson(this.#admin, name)))
  }
}
