import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Instance } from '../support/cluster.ts'
import type { Options } from './options.ts'

/** One line for each scenario as it ends, and the sum. */
export class Report {
  readonly #options: Options
  readonly #began = performance.now()
  #passed = 0
  #failed = 0

  constructor(what: string, options: Options) {
    this.#options = options
    console.log(`${what}, --seed ${options.seed}`)
  }

  passed(name: string, ms: number, attempt = 1): void {
    this.#passed += 1
    console.log(`ok      ${seconds(ms)}  ${name}${attempt > 1 ? ` (try ${attempt}: before, an instance did not answer in time)` : ''}`)
  }

  failed(name: string, ms: number, error: unknown, round: number): void {
    this.#failed += 1
    const again = `--seed ${this.#options.seed} --only '${name.slice(0, 40)}'${round > 1 ? ` --repeat ${round}` : ''}`
    console.log(`FAILED  ${seconds(ms)}  ${name}\n${indented(textOf(error))}\n        again: ${again}`)
  }

  /** What the instances printed, for who has to find the reason. */
  keepLogs(instances: readonly Instance[]): void {
    for (const { name, printed } of instances) {
      const file = join(tmpdir(), `neda-${name}-${this.#options.seed}.log`)
      writeFileSync(file, printed())
      console.log(`what instance ${name} printed: ${file}`)
    }
  }

  get hasFailures(): boolean {
    return this.#failed > 0
  }

  /** The last line; answers the exit code. */
  end(): number {
    console.log(`in ${seconds(performance.now() - this.#began).trim()}, --seed ${this.#options.seed}`)
    console.log(`${this.#passed} passed, ${this.#failed} failed`)
    return this.#failed === 0 && this.#passed > 0 ? 0 : 1
  }
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(2).padStart(6)} s`

function textOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOf).join('\n')
  if (!(error instanceof Error)) return String(error)
  const where = error.stack?.split('\n').find((line) => line.includes('/test/stress/') || line.includes('/test/crash/'))
  return [error.message, where?.trim()].filter((line) => line !== undefined).join('\n')
}

const indented = (text: string) => text.replaceAll(/^/gm, '        ')
