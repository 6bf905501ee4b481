import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { Roster } from '../../src/domains/media/roster.ts'
import { type Neighbours, noNeighbours } from '../../src/realtime/neighbours.ts'

const ROOM = 'test:a room'
const ben = { room: ROOM, identity: 'ben' }
const silent = pino({ level: 'silent' })

/** Instances that hear each other, and what they said. */
async function neighbourhood(instances: number) {
  const listeners: ((text: string) => void)[] = []
  const told: string[] = []
  const neighbours: Neighbours = {
    tell: (_subject, text) => {
      told.push(text)
      for (const listener of listeners) listener(text)
    },
    hear: async (_subject, listener) => void listeners.push(listener),
  }
  const rosters = Array.from({ length: instances }, () => new Roster(neighbours))
  for (const roster of rosters) await roster.open(silent)
  return { rosters, told, hear: (text: string) => listeners.forEach((listener) => listener(text)) }
}

describe('the roster', () => {
  test('the end of a former stay, told late, ends nothing', () => {
    const roster = new Roster(noNeighbours)
    roster.note({ ...ben, isThere: true, stay: 'PA_1' })
    roster.note({ ...ben, isThere: true, stay: 'PA_2' })
    roster.note({ ...ben, isThere: false, stay: 'PA_1' })
    expect(roster.has(ROOM, 'ben')).toBe(true)
    roster.note({ ...ben, isThere: false, stay: 'PA_2' })
    expect(roster.has(ROOM, 'ben')).toBe(false)
  })

  test('of what stay nothing is known any end counts', () => {
    const roster = new Roster(noNeighbours)
    roster.note({ ...ben, isThere: true })
    roster.note({ ...ben, isThere: false, stay: 'PA_1' })
    expect(roster.has(ROOM, 'ben')).toBe(false)
    roster.note({ ...ben, isThere: true, stay: 'PA_2' })
    roster.note({ ...ben, isThere: true })
    roster.note({ ...ben, isThere: false, stay: 'PA_1' })
    expect(roster.has(ROOM, 'ben')).toBe(true)
    roster.note({ ...ben, isThere: false })
    expect(roster.has(ROOM, 'ben')).toBe(false)
  })

  test('a look at a room is the truth about it, one at all rooms about which there are', () => {
    const roster = new Roster(noNeighbours)
    roster.note({ ...ben, isThere: true, stay: 'PA_1' })
    roster.note({ room: 'another', identity: 'ben', isThere: true, stay: 'PA_2' })
    roster.replace(ROOM, [{ identity: 'cleo', stay: 'PA_3', joinedAt: 0, canPublish: false, publishes: false }])
    expect([roster.has(ROOM, 'ben'), roster.has(ROOM, 'cleo'), roster.has('another', 'ben')]).toEqual([false, true, true])
    roster.keep(new Set([ROOM]))
    expect([roster.has(ROOM, 'cleo'), roster.has('another', 'ben')]).toEqual([true, false])
    roster.replace(ROOM, [])
    expect(roster.has(ROOM, 'cleo')).toBe(false)
  })

  test('what one notes all know, and nobody repeats it', async () => {
    const { rosters, told } = await neighbourhood(3)
    rosters[0]?.note({ ...ben, isThere: true, stay: 'PA_1' })
    rosters[1]?.note({ ...ben, isThere: true, stay: 'PA_1' })
    rosters[2]?.note({ ...ben, isThere: true })
    expect(rosters.map((roster) => roster.has(ROOM, 'ben'))).toEqual([true, true, true])
    expect(told).toHaveLength(1)
    rosters[2]?.note({ ...ben, isThere: false, stay: 'PA_1' })
    expect(rosters.map((roster) => roster.has(ROOM, 'ben'))).toEqual([false, false, false])
    expect(told).toHaveLength(2)
  })

  test('a word that is not understood is passed over', async () => {
    const { rosters, hear } = await neighbourhood(1)
    rosters[0]?.note({ ...ben, isThere: true })
    for (const text of ['', 'garbage', 'null', '1', '{"room":']) hear(text)
    expect(rosters[0]?.has(ROOM, 'ben')).toBe(true)
  })
})
