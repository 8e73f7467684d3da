/**
 * Counts what Vitest's JSON report holds. What is not a failed test but went wrong all the same (a file that
 * did not load, a hook, an unhandled error, no test at all) counts as a failure too, with a note.
 */
export function summarize(report, exitCode) {
  const notes = []
  const passed = report?.numPassedTests ?? 0
  let failed = report?.numFailedTests ?? 0
  for (const file of report?.testResults ?? []) {
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
      notes.push(`Failed as a file: ${file.name}`)
      failed++
    }
  }
  const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0)
  if (skipped > 0) notes.push(`${skipped} skipped`)
  if (report === undefined) notes.push('Vitest ended without a report.')
  else if (passed + failed === 0) notes.push('No test was run.')
  else if (exitCode !== 0 && failed === 0) notes.push('Vitest failed outside of any test.')
  if (failed === 0 && (exitCode !== 0 || passed === 0)) failed = 1
  return { passed, failed, notes }
}
