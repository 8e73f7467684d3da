import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { openSite, QUIET, words } from './site.js'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

test('process memory is shown for each process and key, and viewing is no read', async () => {
  const options = { redis: server.url, keyPrefix: 'shop', logger: QUIET }
  const { ask, cache } = await openSite({ cache: createCache({ ...options, memory: {} }) })
  const other = createCache(options)
  try {
    await other.set('product::1', { name: 'lamp' })
    await expect
      .poll(async () => {
        await cache.get('product::1')
        return cache.processStats().totals.processHits
      })
      .toBeGreaterThan(0)
    const hits = cache.processStats().totals.processHits
    await other.get('product::1')
    await Promise.all([cache.stats(), other.stats()])

    const processes = words((await ask('/cache/processes')).text)
    expect(processes).toContain('Process memory')
    expect(processes).toMatch(/1 value, \d+ B /)
    // The other has no process memory.
    expect(processes).toMatch(/[\d.]+ MiB off /)
    expect(processes).not.toContain('suspended')
    const overview = words((await ask('/cache/')).text)
    expect(overview).toMatch(new RegExp(`Process memory hits\\s*${hits} `))
    expect(overview).toMatch(/Hits in process memory\s*[\d.]+ .s/)
    const key = words((await ask('/cache/key?key=product::1')).text)
    expect(key).toContain('store (for all processes), memory of this process')
    expect(JSON.parse((await ask('/cache/api/key?key=product::1')).text)).toMatchObject({ tier: 'process' })
    expect(JSON.parse((await ask('/cache/api/processes')).text).processes).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          isThis: true,
          memory: { entries: 1, bytes: expect.any(Number), isServing: true },
        }),
      ]),
    )
    expect(cache.processStats().totals.processHits).toBe(hits)

    await other.delete('product::1')
    await expect
      .poll(async () => words((await ask('/cache/key?key=product::1')).text))
      .toContain('Not cached')
    expect(JSON.parse((await ask('/cache/api/key?key=product::1')).text).tier).toBeUndefined()
  } finally {
    await other.close()
  }
})

test('process memory is not mentioned when no process has one', async () => {
  const { ask, cache } = await openSite()
  await cache.set('product::1', 1)
  await cache.get('product::1')
  await cache.stats()
  expect(words((await ask('/cache/processes')).text)).not.toContain('Process memory')
  expect(words((await ask('/cache/')).text)).not.toContain('Process memory hits')
  expect(words((await ask('/cache/key?key=product::1')).text)).not.toContain('memory of this process')
})
