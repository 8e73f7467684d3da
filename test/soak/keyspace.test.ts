import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

const KEYS = process.env.SOAK ? 1_000_000 : 60_000
/** Names of the cache other than entries: generations, the probe, the lock and time of the last pass, statistics. */
const OWN =
  /^soak:(gen|probe|sweep|swept|figures|process|processes|history-fine|history-coarse|events|requests|key-history|secret):\{/

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

test(`after ${KEYS} keys were set, deleted with children and expired, Redis contains little more than the live ones`, async () => {
  const cache = createCache({ redis: server.url, keyPrefix: 'soak', timeouts: { store: '10s' } })
  const redis = new Redis(server.url)
  const families = 100
  const each = KEYS / families
  for (let family = 0; family < families; family++) {
    for (let start = 0; start < each; start += 500) {
      const entries = Array.from({ length: Math.min(500, each - start) }, (_, at) => {
        return [['family', family, start + at], { id: start + at, name: 'a product' }] as const
      })
      // A third expires by itself, a third is deleted with its parent, a third stays.
      expect(await cache.setMany(entries, { ttl: family % 3 === 0 ? '3s' : '10m' })).toBe(entries.length)
    }
    if (family % 3 === 1) await cache.delete(['family', family], { children: true })
  }
  const deleted = Math.floor((families + 1) / 3)
  const alive = Array.from({ length: families }, (_, family) => family).filter((family) => family % 3 === 2)

  const names = async () => {
    const all: string[] = []
    let cursor = '0'
    do {
      const [next, page] = await redis.scan(cursor, 'COUNT', 5_000)
      all.push(...page)
      cursor = next
    } while (cursor !== '0')
    return all
  }
  // Expiry and reclaiming go on in the background, at their own pace.
  await vi.waitFor(
    async () => {
      const entries = (await names()).filter((name) => !OWN.test(name))
      // The tombstones of the deleted parents stand for ten minutes.
      expect(entries.length).toBe(alive.length * each + deleted)
    },
    { timeout: 120_000, interval: 1_000 },
  )
  const own = (await names()).filter((name) => OWN.test(name))
  expect(own.length).toBeLessThan(families * 2 + 20)
  for (const family of alive)
    expect(await cache.get(['family', family, each - 1])).toMatchObject({ id: each - 1 })
  await cache.close()
  redis.disconnect()
}, 900_000)
