import type { CrashStage } from './stage.ts'

/** A process dies or stands still, and what must be true in spite of it. */
export interface Scenario {
  readonly name: string
  /** Whether its Redis keeps a file: FORGETS loses everything when it is killed. */
  readonly redis: 'KEEPS' | 'FORGETS'
  readonly play: (stage: CrashStage, size: Size) => Promise<void>
}

/** How much of it is played. */
export interface Size {
  /** How often Redis is killed, or instances, where once proves little. */
  readonly redisDeaths: number
  readonly instanceDeaths: number
  readonly postgresAwayMs: number
}

export const SHORT: Size = { redisDeaths: 2, instanceDeaths: 1, postgresAwayMs: 10_000 }
export const LONG: Size = { redisDeaths: 5, instanceDeaths: 3, postgresAwayMs: 30_000 }

type Make = (name: string, play: Scenario['play']) => Scenario

export const keeping: Make = (name, play) => ({ name, redis: 'KEEPS', play })
export const forgetting: Make = (name, play) => ({ name, redis: 'FORGETS', play })
