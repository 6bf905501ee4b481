import { existsSync, readFileSync } from 'node:fs'

// Adds up what the runs reported: Vitest's JSON, or what a run printed, whose last line says so. A test that was skipped, a report that is
// missing and a step that failed count as failures. What failed is named last, where the end of a long log shows it.
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
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success, testResults } = JSON.parse(readFileSync(file, 'utf8'))
  for (const { name, status, message, assertionResults } of testResults) {
    if (status === 'failed' && message) console.log(`FAILED ${name}\n${message}`)
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status !== 'passed') console.log(`${status.toUpperCase()} ${name} > ${fullName}\n${failureMessages.join('\n')}`)
    }
  }
  const failed = numFailedTests + numPendingTests + numTodoTests
  return { passed: numPassedTests, failed: success ? failed : Math.max(failed, 1) }
}

function readPrinted(file) {
  const printed = readFileSync(file, 'utf8')
  for (const line of printed.match(/^FAILED.*$/gm) ?? []) console.log(line)
  const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(printed) ?? []
  return passed && failed ? { passed: Number(passed), failed: Number(failed) } : null
}
