import { expect, test } from 'vitest'
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
    ]
    for (const [name, calls, last] of orders) {
      await Promise.all(calls())
      expect(await cache.get(name.includes('parent') ? 'k::c' : 'k'), name).toBe(last)
    }
  })
})
