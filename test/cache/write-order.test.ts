import { expect, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { describeOnEveryBackend } from '../helpers/backends.js'

describeOnEveryBackend('Writes and deletes of one process', (open) => {
  const large = 'large '.repeat(100_000)

  test('take effect in the order of their calls, however long a value takes to be compressed', async () => {
    const cache = open({ compressionThreshold: 1_000 })
    const orders: [string, () => Promise<unknown>[], unknown][] = [
      ['small, then delete', () => [cache.set('k', 'small'), cache.delete('k')], undefined],
      ['large, then delete', () => [cache.set('k', large), cache.delete('k')], undefined],
      [
        'large, then delete of the parent',
        () => [cache.set('k::c', large), cache.delete('k', { children: true })],
        undefined,
      ],
      ['large, then clear', () => [cache.set('k', large), cache.clear()], undefined],
      ['large, then small', () => [cache.set('k', large), cache.set('k', 'small')], 'small'],
      ['small, then large', () => [cache.set('k', 'small'), cache.set('k', large)], large],
      [
        'large, then one that cannot be',
        () => [cache.set('k', large), cache.set('k', () => {}).catch(() => {})],
        large,
      ],
      ['delete, then large', () => [cache.delete('k'), cache.set('k', large)], large],
      ['large, then expire', () => [cache.set('k', large), cache.expire('k')], undefined],
      [
        'large, then expire of the parent',
        () => [cache.set('k::c', large), cache.expire('k', { children: true })],
        undefined,
      ],
      ['expire, then large', () => [cache.expire('k'), cache.set('k', large)], large],
      [
        'large, then expire, then small',
        () => [cache.set('k', large), cache.expire('k'), cache.set('k', 'small')],
        'small',
      ],
      [
        'large, then small, then expire',
        () => [cache.set('k', large), cache.set('k', 'small'), cache.expire('k')],
        undefined,
      ],
    ]
    for (const [name, calls, last] of orders) {
      await Promise.all(calls())
      expect(await cache.get(name.includes('parent') ? 'k::c' : 'k'), name).toBe(last)
    }
  })

  const WAYS: Record<string, (cache: KeyedCache) => Promise<boolean>> = {
    'its key': (cache) => cache.expire('k::c'),
    'its parent': (cache) => cache.expire('k', { children: true }),
  }
  test.each(Object.entries(WAYS))(
    'a large value that is marked stale with %s right after its set replaces the old one',
    async (_, expire) => {
      const [cache, other] = [open({ compressionThreshold: 1_000 }), open()]
      await cache.set('k::c', 'old', { grace: '1h' })
      const results = [cache.set('k::c', large, { grace: '1h' }), expire(cache), expire(cache)]
      expect(await Promise.all(results)).toEqual([true, true, true])
      expect(await other.get('k::c')).toBeUndefined()
      const options = { grace: '1h', retryDelay: '1h' } as const
      expect(await other.getOrSet<unknown>('k::c', () => Promise.reject(new Error('down')), options)).toBe(
        large,
      )
    },
  )

  test('the values that one request sets after a miss are stored in the order of their calls', async () => {
    const cache = open({ compressionThreshold: 1_000 })
    for (const [values, last] of [
      [[large, 'small'], 'small'],
      [['small', large], large],
      [['one', 'two', 'three'], 'three'],
    ] as const) {
      await cache.withRequestMemory(async (job) => {
        expect(await job.get('k')).toBeUndefined()
        const setting = values.map((value) => job.set('k', value))
        expect(await Promise.all(setting)).toEqual(values.map(() => true))
      })
      expect(await cache.get('k')).toBe(last)
      await cache.delete('k')
    }
  })
})
