import { median } from './statistics.ts'
import { startNeda, temporaryFolder } from './support.ts'

/** How long `npm start` takes until presses are answered: with an empty data folder, and with one that is there. */
const ROUNDS = 5

async function measure(folder: string): Promise<number> {
  const began = performance.now()
  await using _neda = await startNeda(folder, 'npm', ['start', '--silent'])
  return performance.now() - began
}

const first: number[] = []
const second: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  using folder = temporaryFolder()
  first.push(await measure(folder.path))
  second.push(await measure(folder.path))
}
const seconds = (values: readonly number[]) =>
  `${(median(values) / 1_000).toFixed(2)} s (${(Math.min(...values) / 1_000).toFixed(2)} to ${(Math.max(...values) / 1_000).toFixed(2)})`
console.log(`npm start to ready, median of ${ROUNDS} (least to most)`)
console.log(`  first run   ${seconds(first)}`)
console.log(`  second run  ${seconds(second)}`)
