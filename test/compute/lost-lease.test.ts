import { expect, test, vi } from 'vitest'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { Gate } from './gate.js'

function block(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

describeOnEveryBackend('A value whose lease was lost', (open) => {
  const start = () => {
    const warnings: string[] = []
    return { warnings, logger: { warn: (message: string) => void warnings.push(message) } }
  }

  test('because the process was blocked is stored, or there is one warning that names the lease time', async () => {
    const { warnings, logger } = start()
    const cache = open({ logger, timeouts: { lease: 60, store: '5s' } })
    for (const id of [1, 2]) {
      const value = await cache.getOrSet(['report', id], () => {
        block(200)
        return 'slow'
      })
      expect(value).toBe('slow')
    }
    const isStored = await cache.has(['report', 1])
    expect(warnings).toHaveLength(isStored ? 0 : 1)
    if (isStored) return
    expect(warnings[0]).toMatch(/"report" was not stored: computing took \d+ ms, and its lease of 60 ms/)
    expect(warnings[0]).toContain('Raise leaseTime, or timeouts.lease')
    expect(cache.processStats().totals.fencedCommits).toBe(2)
  })

  test('because of an invalidation or a set causes no warning', async () => {
    const { warnings, logger } = start()
    const [cache, other] = [open({ logger }), open({ logger })]
    const ways: ((key: string) => Promise<unknown>)[] = [
      (key) => other.delete(key),
      (key) => cache.delete(key),
      (key) => other.set(key, 'set'),
      (key) => cache.set(key, 'set'),
      (key) => other.expire(key),
      () => other.delete('a', { children: true }),
      () => other.clear(),
    ]
    for (const [index, invalidate] of ways.entries()) {
      const key = `a::${index}`
      const gate = new Gate()
      const computing = cache.getOrSet(key, () => gate.pass().then(() => 'old'))
      await gate.reached()
      await invalidate(key)
      gate.open()
      expect(await computing).toBe('old')
      expect(await cache.get(key)).not.toBe('old')
    }
    await vi.waitFor(() => expect(cache.processStats().totals.fencedCommits).toBe(ways.length))
    expect(warnings).toEqual([])
  })
})
