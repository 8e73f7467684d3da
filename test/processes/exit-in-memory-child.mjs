// A script that uses a cache in every way and never closes it: it must end by itself.
import { createCache } from 'keyedcache'

const cache = createCache({ store: 'memory', grace: '1h', earlyRefresh: true, requestLog: true })
const load = cache.cached(async (id) => ({ id }), { name: 'load', ttl: '1h' })
const cases = {
  async plain() {
    await cache.set('a', 1)
    await cache.get('a')
    await cache.delete('a', { children: true })
    await cache.stats()
  },
  async computed() {
    await load(1)
    await cache.getOrSet('b', () => 1, { hardTimeout: '1h', leaseTime: '1h', waitTimeout: '10m' })
    await cache.getOrSetMany(['c', 'd'], (keys) => keys.map(() => 1))
    await cache.withRequestMemory((own) => own.get('c'))
  },
  async refreshed() {
    await cache.set('e', 'old', { ttl: '1ms' })
    await new Promise((resolve) => setTimeout(resolve, 5))
    await cache.getOrSet('e', () => 'new', { softTimeout: '1h' })
  },
  async abandoned() {
    // It never settles, and no caller waits for it.
    void cache.getOrSet('f', () => new Promise(() => {}))
  },
  async failing() {
    const down = createCache({ redis: 'redis://127.0.0.1:1', keyPrefix: 'x', logger: { warn() {} } })
    await down.delete('a')
    await down.close()
  },
}
await cases[process.argv[2]]()
console.log('done')
