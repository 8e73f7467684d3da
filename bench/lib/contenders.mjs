import { createKeyv } from '@keyv/redis'
import { BentoCache, bentostore } from 'bentocache'
import { redisDriver } from 'bentocache/drivers/redis'
import { createCache as createManager } from 'cache-manager'
import { Cacheable } from 'cacheable'
import { Redis } from 'ioredis'
import { createCache } from '../../dist/index.mjs'

const TTL_S = 300

/**
 * Each with Redis as its only tier, set up as its README does. `get` and `set`
 * as a user calls them; `fill` is what a page does: get, and set when missing.
 */
export function openContenders(url) {
  const redis = new Redis(url)
  const ours = createCache({ redis: url, keyPrefix: 'kc', ttl: TTL_S })
  const driver = redisDriver({ connection: new Redis(url) })
  const bento = new BentoCache({
    default: 'redis',
    ttl: `${TTL_S}s`,
    stores: { redis: bentostore().useL2Layer(driver) },
  })
  const keyv = createKeyv(url, { namespace: 'keyv' })
  const manager = createManager({ stores: [createKeyv(url, { namespace: 'cm' })], ttl: TTL_S * 1000 })
  // Its primary tier is process memory unless another store is put there.
  const cacheable = new Cacheable({ primary: createKeyv(url, { namespace: 'ca' }), ttl: TTL_S * 1000 })

  const contenders = {
    'plain ioredis': {
      get: async (key) => {
        const text = await redis.get(key)
        return text === null ? undefined : JSON.parse(text)
      },
      set: (key, value) => redis.set(key, JSON.stringify(value), 'EX', TTL_S),
      close: () => redis.quit(),
    },
    keyedcache: {
      get: (key) => ours.get(key),
      set: (key, value) => ours.set(key, value),
      /** As in a request with a safe method: the `set` is refused if the key was invalidated since the miss. */
      fill: (key, value) =>
        ours.withRequestMemory(async (cache) => {
          if ((await cache.get(key)) === undefined) await cache.set(key, value)
        }),
      close: () => ours.close(),
    },
    bentocache: {
      get: (key) => bento.get({ key }),
      set: (key, value) => bento.set({ key, value }),
      close: () => bento.disconnectAll(),
    },
    'cache-manager': {
      get: (key) => manager.get(key),
      set: (key, value) => manager.set(key, value),
      close: () => manager.disconnect(),
    },
    cacheable: {
      get: (key) => cacheable.get(key),
      set: (key, value) => cacheable.set(key, value),
      close: () => cacheable.disconnect(),
    },
    keyv: {
      get: (key) => keyv.get(key),
      set: (key, value) => keyv.set(key, value, TTL_S * 1000),
      close: () => keyv.disconnect(),
    },
  }
  for (const it of Object.values(contenders)) {
    it.fill ??= async (key, value) => {
      if ((await it.get(key)) === undefined) await it.set(key, value)
    }
  }
  return contenders
}
