import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { MAX_SEGMENTS } from '../../src/key/segment-count.js'
import { Names } from '../../src/store/redis/names.js'
import { Gate } from '../compute/gate.js'
import { useRedis } from '../helpers/use-redis.js'

const names = new Names('eras')
const redis = useRedis({ emptied: true })
const GRACE = { grace: '1h' } as const

let cache: KeyedCache
beforeEach(() => {
  cache = createCache({ redis: redis.server.url, keyPrefix: 'eras', timeouts: { store: '2s' } })
})
afterEach(() => cache.close())

/** How a failover puts back an earlier generation of a path. */
const LOSSES: Record<string, (name: string) => Promise<() => Promise<unknown>>> = {
  RESTORE: async (name) => {
    const dump = await redis.admin.dumpBuffer(name)
    return () => redis.admin.restore(name, 60_000, dump as Buffer, 'REPLACE')
  },
  SET: async (name) => {
    const bytes = await redis.admin.getBuffer(name)
    return () => redis.admin.set(name, bytes as Buffer, 'PX', 60_000)
  },
}

describe.each(Object.entries(LOSSES))(
  'When a failover has lost an expire with children, by %s,',
  (_, keep) => {
    /** Expires everything under `a`. The result undoes that, as far as its generation is concerned. */
    const expire = async () => {
      const lose = await keep(names.generation('a'))
      expect(await cache.expire('a', { children: true })).toBe(true)
      return lose
    }

    test('the next one makes nothing fresh again', async () => {
      await cache.set('a::before', 'old', GRACE)
      const lose = await expire()
      await cache.set('a::between', 'old', GRACE)
      expect(await cache.get('a::between')).toBe('old')
      await lose()
      await expire()
      for (const key of ['a::before', 'a::between']) {
        expect(await cache.get(key), key).toBeUndefined()
        expect((await cache.inspect(key)).state, key).toBe('stale')
      }
    })

    test('no computation or fill that began in the lost era is stored after the next one', async () => {
      await cache.set('a::before', 'old')
      const lose = await expire()
      const [computing, filling] = [new Gate(), new Gate()]
      const computed = cache.getOrSet('a::computed', async () => {
        await computing.pass()
        return 'old'
      })
      const filled = cache.withRequestMemory(async (job) => {
        expect(await job.get('a::filled')).toBeUndefined()
        await filling.pass()
        return job.set('a::filled', 'old')
      })
      await Promise.all([computing.reached(), filling.reached()])
      await lose()
      // No process knows the flight that it would doom: the expire comes from another one.
      const other = createCache({ redis: redis.server.url, keyPrefix: 'eras', timeouts: { store: '2s' } })
      await other.expire('a', { children: true })
      for (const gate of [computing, filling]) gate.open()
      expect(await computed).toBe('old')
      expect(await filled).toBe(false)
      for (const key of ['a::computed', 'a::filled']) expect(await other.get(key), key).toBeUndefined()
      await other.close()
    })
  },
)

test('the deepest key has room for the eras of all its ancestors', async () => {
  const path = Array.from({ length: MAX_SEGMENTS }, (_, n) => `s${n}`)
  await cache.set(path, 'old', GRACE)
  for (let depth = 1; depth < path.length; depth++) {
    expect(await cache.expire(path.slice(0, depth), { children: true })).toBe(true)
  }
  expect((await cache.inspect(path)).state).toBe('stale')
  expect(await cache.getOrSet(path, () => 'new')).toBe('new')
  expect(await cache.get(path)).toBe('new')
  expect(await cache.set(path, 'newer', GRACE)).toBe(true)
  expect(await cache.get(path)).toBe('newer')
  await cache.expire(path.slice(0, 1), { children: true })
  expect(await cache.get(path)).toBeUndefined()
  await cache.expire(path.slice(0, -1), { children: true })
  expect((await cache.inspect(path)).state).toBe('stale')
})

test('expires of one millisecond have different eras', async () => {
  await cache.set('a::k', 0, GRACE)
  for (let n = 1; n <= 20; n++) {
    const [, expired] = await Promise.all([
      cache.set('a::k', n, GRACE),
      cache.expire('a', { children: true }),
      cache.expire('a', { children: true }),
    ])
    expect(expired).toBe(true)
    expect(await cache.get('a::k')).toBeUndefined()
  }
})
