import { describe, expect, test, vi } from 'vitest'
import { entry, isLive, key, ORIGIN, useRedisStores } from './redis-stores.js'

const { redis: shared, open, newPrefix } = useRedisStores()

describe('Dead entries', () => {
  test('are deleted in the background, and live ones stay', async () => {
    const keyPrefix = newPrefix('reclaim')
    const store = open({ keyPrefix })
    await Promise.all(Array.from({ length: 1_200 }, (_, index) => store.write(key(['dead', index]), entry())))
    await Promise.all(Array.from({ length: 50 }, (_, index) => store.write(key(['alive', index]), entry())))
    await store.remove(key('dead'), { children: true, origin: ORIGIN })
    const again = Array.from({ length: 10 }, (_, index) => ['dead', index])
    for (const one of again) await store.write(key(one), entry('again'))
    await vi.waitFor(
      async () => expect(await shared.admin.keys(`${keyPrefix}:dead::*`)).toHaveLength(again.length),
      { timeout: 15_000, interval: 100 },
    )
    for (const one of again) expect(await isLive(store, one)).toBe(true)
    expect(await shared.admin.keys(`${keyPrefix}:alive::*`)).toHaveLength(50)
  })
})
