import { deepStrictEqual } from 'node:assert'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createCache } from '../../dist/index.mjs'
import { Names } from '../dist/store/redis/names.js'
import { commandCounts, countedSince, startRedis } from './redis.mjs'

const PREFIX = 'kc'
const PARENT = 'parent'
const TTL_MS = 3_600_000
const VALUE = { id: 1, name: 'Ergonomic chair', price: 313.37 }

/** Copies one entry to children `from` to `to`: populating is not measured. */
const COPY = `
local frame = redis.call('GET', KEYS[1])
for i = ARGV[1], ARGV[2] do redis.call('SET', ARGV[4] .. i, frame, 'PX', ARGV[3]) end`

/**
 * Starts a redis-server that holds one key, `parent`, and its `size` children, as the cache writes them.
 *
 * After a delete, `revive` makes all of them live again by one write: it restores the generation that the delete
 * replaced, which every child still names.
 */
export async function growTree(size) {
  const redis = await startRedis()
  const client = new Redis(redis.url)
  const names = new Names(PREFIX)
  const generations = [names.topGeneration(), names.generation(PARENT)]
  const child = (i) => `${PARENT}::${i}`

  const openCache = () =>
    createCache({
      redis: redis.url,
      keyPrefix: PREFIX,
      ttl: TTL_MS / 1000,
      timeouts: { store: '10s' },
      throwOnStoreError: true,
    })

  const cache = openCache()
  await cache.set(PARENT, VALUE)
  await cache.set(child(1), VALUE)
  await cache.close()
  for (let from = 2; from <= size; from += 20_000) {
    const to = Math.min(size, from + 19_999)
    await client.eval(COPY, 1, names.entry(child(1)), from, to, TTL_MS, names.entry(child('')))
  }
  const standing = await client.mgetBuffer(generations)

  return {
    size,
    client,
    parent: PARENT,
    openCache,
    async revive() {
      await client.mset(generations.flatMap((name, i) => [name, standing[i]]))
    },
    /** Checks through the cache that a sample of the children is there, or that none of it is. */
    async expectChildren(cache, live) {
      const some = Array.from({ length: 10 }, () => child(1 + Math.floor(Math.random() * size)))
      deepStrictEqual(await cache.getMany(some), Array(10).fill(live ? VALUE : undefined))
    },
    /** Calls of each command while `run` runs, by name. */
    async commandsOf(run) {
      const before = await commandCounts(client)
      await run()
      return countedSince(before, await commandCounts(client))
    },
    /** Resolves when a pass of the reclaiming has ended. */
    async untilReclaimed() {
      while ((await client.exists(names.swept())) === 0) await pause(50)
    },
    async stop() {
      await client.quit()
      await redis.stop()
    },
  }
}
