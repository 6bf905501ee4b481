import { endure } from './endurance-run.ts'
import { projectWithSdk } from './packed-sdk.ts'

/**
 * npm run sdk:endurance [-- <seconds>]    the packed SDK talks for 60 s on each transport, in Node and in Chromium, through networks that cut and
 * stall. Fails if a device missed an event of its group or heard one twice.
 */
const [seconds = '60'] = process.argv.slice(2)

await using project = await projectWithSdk()
console.log(project.said.trim())
const outcomes = await endure(project, ['Node', 'Chromium'], Number(seconds) * 1_000)
for (const { device, report, faults, problems } of outcomes) {
  const { events, talks, heard, reconnects } = report
  const figures = `${events.length} events, ${talks.length} bursts of its own, ${heard > 0 ? 'heard the other' : 'heard nobody'}, ${faults} faults, came back ${reconnects} times`
  console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${device.padEnd(22)} ${figures}`)
  for (const problem of problems) console.log(`       ${problem}`)
}
const failed = outcomes.filter(({ problems }) => problems.length > 0).length
console.log(`${outcomes.length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
