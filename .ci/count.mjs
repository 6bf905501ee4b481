import { existsSync, readFileSync } from 'node:fs'

// Adds up what the runs reported: Vitest's JSON, or what a run printed, whose last line says so. A test that was skipped, a report that is
// missing and a step that failed count as failures.
const [steps = '1', ...files] = process.argv.slice(2)
let passed = 0
let failed = Number(steps)
for (const file of files) {
  const report = existsSync(file) && (file.endsWith('.json') ? readReport(file) : readPrinted(file))
  if (!report) {
    failed += 1
    continue
  }
  passed += report.passed
  failed += report.failed
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1

function readReport(file) {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success } = JSON.parse(readFileSync(file, 'utf8'))
  const failed = numFailedTests + numPendingTests + numTodoTests
  return { passed: numPassedTests, failed: success ? failed : Math.max(failed, 1) }
}

function readPrinted(file) {
  const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(readFileSync(file, 'utf8')) ?? []
  return passed && failed ? { passed: Number(passed), failed: Number(failed) } : null
}
