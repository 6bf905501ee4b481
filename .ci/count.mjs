import { existsSync, readFileSync } from 'node:fs'

// Adds up what the test runs reported. A test that was skipped, a report that is missing and a step that failed count as failures.
const [steps = '1', ...files] = process.argv.slice(2)
let passed = 0
let failed = Number(steps)
for (const file of files) {
  if (!existsSync(file)) {
    failed += 1
    continue
  }
  const report = JSON.parse(readFileSync(file, 'utf8'))
  passed += report.numPassedTests
  failed += report.numFailedTests + report.numPendingTests + report.numTodoTests
  if (!report.success) failed = Math.max(failed, 1)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
