import type { Device, Place } from '../stress/people.ts'
import { Stage } from '../stress/stage.ts'
import { agree } from '../stress/story.ts'
import { until } from '../stress/until.ts'
import type { Instance } from '../support/cluster.ts'
import { Presses } from './presses.ts'
import { type Expected, judgeRecord, type Row, readRows } from './record.ts'
import { Roamer } from './roamer.ts'

/** What a device does to its end by itself, or is left to its lease by a death. */
const USUAL_ENDS = ['RELEASED', 'CONNECTION_LOST', 'NOT_STARTED']

/** A group with a steady load from all instances, and a reader at each of them. */
export interface Busy {
  readonly groupId: string
  readonly presses: Presses
  readonly readers: readonly Roamer[]
}

/** A stage on which processes are killed: with devices that find their way, a load, and a look at the record. */
export class CrashStage extends Stage {
  readonly #roamers: Roamer[] = []

  /** All instances, beginning with this one: the order in which a device tries them. */
  from(first: Instance): readonly Instance[] {
    const { instances } = this.cluster
    const at = instances.indexOf(first)
    return [...instances.slice(at), ...instances.slice(0, at)]
  }

  /** A device that follows a group, at the first of the places to begin with. */
  async roamer(device: Device, groupId: string, places: readonly Place[]): Promise<Roamer> {
    const roamer = this.own(new Roamer(device, groupId, places))
    this.#roamers.push(roamer)
    return roamer.here()
  }

  /** A device of its own session at each instance, which follows the group. */
  readers(device: Device, groupId: string): Promise<Roamer[]> {
    return Promise.all(this.cluster.instances.map((instance) => this.roamer(device, groupId, this.from(instance))))
  }

  async busyGroup(): Promise<Busy> {
    const { groupId, manager, members } = await this.team(3)
    const readers = await this.readers(manager, groupId)
    const presses = this.own(new Presses({ groupId, devices: members, places: this.cluster.instances, random: this.random }))
    await until('the load runs', () => presses.grants.length > 3)
    return { groupId, presses, readers }
  }

  busyGroups(count: number): Promise<readonly Busy[]> {
    return Promise.all(Array.from({ length: count }, () => this.busyGroup()))
  }

  /** Stops the load, and judges what PostgreSQL has of it. */
  async settle(groups: readonly Busy[], expected: Partial<Expected> = {}): Promise<readonly Row[]> {
    await Promise.all(groups.map(({ presses }) => presses.stop()))
    return judgeRecord(
      this.cluster.postgres.url,
      groups.map(({ groupId }) => groupId),
      {
        grants: groups.flatMap(({ presses }) => presses.grants),
        heard: groups.flatMap(({ readers }) => readers.flatMap(({ events }) => events)),
        reasons: USUAL_ENDS,
        ...expected,
      },
    )
  }

  /** What PostgreSQL has of a group in the end: each burst's id and how it ended, in their order. */
  async isRecorded(groupId: string, ends: readonly string[], withinMs = 3_000): Promise<void> {
    let rows: readonly Row[] = []
    const asTold = () => rows.map(({ id, endReason }) => `${id} ${endReason}`).join()
    const isThere = async () => {
      rows = await readRows(this.cluster.postgres.url, [groupId])
      return asTold() === ends.join()
    }
    await until(`the record is ${ends.join()}`, isThere, withinMs).catch((error: Error) => {
      throw new Error(`${error.message}: it is ${asTold()}`)
    })
  }

  /** The floor's readers all know its newest number. */
  async allKnow(readers: readonly Roamer[], withinMs = 2_500): Promise<void> {
    const positions = () => readers.map(({ last }) => `${last?.floor.epoch} ${last?.floor.sequence}`)
    await until('all readers know the same', () => new Set(positions()).size === 1, withinMs).catch((error: Error) => {
      throw new Error(`${error.message}: ${positions().join(', ')}`)
    })
  }

  /** What each device heard over all its sockets follows from itself, and agrees with what the others heard. */
  override judge(): void {
    super.judge()
    for (const roamer of this.#roamers) roamer.judge()
    for (const group of new Set(this.#roamers.map(({ groupId }) => groupId)))
      agree(this.#roamers.filter(({ groupId }) => groupId === group).map(({ events }) => events))
  }
}
