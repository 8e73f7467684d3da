import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { CachedObject } from '../../src/model/cached-object.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

class Row {
  constructor(
    readonly id: number,
    readonly name: string,
  ) {}
}

const OUTAGES: Record<string, (server: RedisServer) => void | Promise<void>> = {
  frozen: (server) => server.freeze(),
  killed: (server) => server.kill(),
}

for (const [outage, cause] of Object.entries(OUTAGES)) {
  describe(`While Redis is ${outage}`, () => {
    let server: RedisServer
    let cache: KeyedCache

    beforeEach(async () => {
      server = await startRedis()
      cache = createCache({ redis: server.url, keyPrefix: 'outage', logger: { warn() {} } })
    })
    afterEach(async () => {
      server.thaw()
      await cache.close()
      await server.stop()
    })

    test('each method resolves in time, and objects are loaded', async () => {
      class Product extends CachedObject(Row, { cache }) {}
      const lamp = new Product(1, 'Lamp')
      await lamp.cacheSet()
      await cause(server)
      const answers: [() => Promise<unknown>, unknown][] = [
        [() => Product.findCached(1, (id) => new Product(id, 'Torch')), new Product(1, 'Torch')],
        [() => Product.findCached(2, () => undefined), undefined],
        [() => lamp.cacheGet(), undefined],
        [() => lamp.isCached(), false],
        [() => lamp.cacheSet(), false],
        [() => lamp.cacheReset(), false],
        [() => lamp.cacheDelete(), false],
      ]
      for (const [ask, answer] of answers) {
        const startedAt = performance.now()
        expect(await ask(), String(ask)).toStrictEqual(answer)
        expect(performance.now() - startedAt, String(ask)).toBeLessThan(1_500)
      }
    })

    test('an object is loaded once for concurrent callers, and each gets a copy', async () => {
      class Product extends CachedObject(Row, { cache }) {}
      await new Product(1, 'Lamp').cacheSet()
      await cause(server)
      let loads = 0
      const load = async (id: number) => {
        loads++
        await new Promise((resolve) => setTimeout(resolve, 50))
        return new Product(id, 'Torch')
      }
      const found = await Promise.all(Array.from({ length: 20 }, () => Product.findCached(1, load)))
      expect(loads).toBe(1)
      expect(new Set(found).size).toBe(20)
    })
  })
}
