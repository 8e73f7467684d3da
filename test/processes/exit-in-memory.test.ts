import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const CHILD = fileURLToPath(new URL('exit-in-memory-child.mjs', import.meta.url))

test.each([
  ['plain', 'reads, writes and deletes'],
  ['computed', 'computes'],
  ['refreshed', 'has refreshed what was stale'],
  ['abandoned', 'has left a computation that never ends'],
  ['failing', 'has closed a cache with an invalidation that failed'],
])('a script that never closes its cache in memory ends by itself: %s, one that %s', async (way) => {
  // Killed after ten seconds, which rejects: nothing of a cache lasts for so long.
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, way], { timeout: 10_000 })
  expect(stdout).toBe('done\n')
})
