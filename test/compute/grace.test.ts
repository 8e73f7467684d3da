import { expect, test, vi } from 'vitest'
import { ConfigurationError } from '../../src/errors.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { becomesStale } from '../helpers/stale.js'
import { Gate } from './gate.js'

const BRIEF = { ttl: '30ms', grace: '1h' } as const

describeOnEveryBackend('Grace', (open) => {
  test('serves an expired value at once, and computes the new value in the background', async () => {
    const cache = open()
    await cache.getOrSet('g', () => 'old', BRIEF)
    await becomesStale(cache, 'g')
    const gate = new Gate()
    const refresh = async () => {
      await gate.pass()
      return 'new'
    }
    expect(await cache.getOrSet('g', refresh, BRIEF)).toBe('old')
    expect(await cache.getOrSet('g', refresh, BRIEF)).toBe('old')
    await gate.reached()
    gate.open()
    await vi.waitFor(async () => expect(await cache.getOrSet('g', refresh, BRIEF)).toBe('new'))
    expect(cache.processStats().totals.staleServed).toBeGreaterThanOrEqual(2)
  })

  test('applies to getOrSet alone: get misses an expired value', async () => {
    const cache = open()
    await cache.set('g', 'old', { ttl: '20ms', grace: '1h' })
    await becomesStale(cache, 'g')
    expect(await cache.get('g')).toBeUndefined()
    expect(await cache.has('g')).toBe(false)
    expect(cache.processStats().totals.missesBy).toMatchObject({ expired: 1 })
    const keys: string[] = []
    for await (const key of cache.keys()) keys.push(key.text)
    expect(keys).toEqual([])
    expect((await cache.inspect('g')).why).toMatch(/Expired .* ago\. Served within its grace period/)
    expect(await cache.getOrSet('g', () => 'new', { grace: '1h' })).toBe('old')
  })

  test('does not serve a value older than the grace period of the caller', async () => {
    const cache = open()
    await cache.getOrSet('g', () => 'old', BRIEF)
    await becomesStale(cache, 'g')
    expect(await cache.getOrSet('g', () => 'new', { ttl: '1h', grace: false })).toBe('new')
  })

  test('never serves a value that was deleted, or whose ancestor was deleted with children', async () => {
    const cache = open()
    for (const invalidate of [
      () => cache.delete('a::b'),
      () => cache.delete('a', { children: true }),
      () => cache.clear(),
    ]) {
      await cache.getOrSet('a::b', () => 'old', BRIEF)
      await becomesStale(cache, 'a::b')
      await invalidate()
      expect(await cache.getOrSet('a::b', () => 'new', BRIEF)).toBe('new')
      await cache.clear()
    }
  })

  test('serves an expired value while computing fails, with a pause before the next attempt', async () => {
    const cache = open()
    await cache.getOrSet('g', () => 'old', BRIEF)
    await becomesStale(cache, 'g')
    const factory = vi.fn(() => Promise.reject(new Error('down')))
    const options = { ...BRIEF, retryDelay: '1h', errorTtl: '1h' } as const
    expect(await cache.getOrSet('g', factory, options)).toBe('old')
    await vi.waitFor(() => expect(cache.processStats().totals.failedComputations).toBe(1))
    for (let read = 0; read < 5; read++) expect(await cache.getOrSet('g', factory, options)).toBe('old')
    expect(factory).toHaveBeenCalledOnce()
  })

  test('tries again after the pause', async () => {
    const cache = open()
    await cache.getOrSet('g', () => 'old', BRIEF)
    await becomesStale(cache, 'g')
    const factory = vi
      .fn<() => Promise<string>>()
      .mockRejectedValueOnce(new Error('down'))
      .mockResolvedValue('new')
    const options = { ...BRIEF, ttl: '1h', retryDelay: 20 } as const
    await vi.waitFor(async () => expect(await cache.getOrSet('g', factory, options)).toBe('new'))
    expect(factory).toHaveBeenCalledTimes(2)
  })

  test('waits for the new value until the soft timeout', async () => {
    const cache = open()
    const options = { ...BRIEF, ttl: '30ms', softTimeout: '10s' } as const
    await cache.getOrSet('g', () => 'old', options)
    await becomesStale(cache, 'g')
    expect(await cache.getOrSet('g', async () => 'new', options)).toBe('new')

    await becomesStale(cache, 'g')
    const gate = new Gate()
    const never = async () => {
      await gate.pass()
      return 'late'
    }
    expect(await cache.getOrSet('g', never, { ...options, softTimeout: 20 })).toBe('new')
    gate.open()
    await vi.waitFor(async () => expect(await cache.getOrSet('g', () => 'x', { grace: '1h' })).toBe('late'))
  })

  test('gives the factory the previous value, which it may keep without sending it again', async () => {
    const cache = open()
    const value = { big: 'x'.repeat(50_000), at: new Date(1) }
    await cache.getOrSet('n', () => value, BRIEF)
    await becomesStale(cache, 'n')
    const before = await cache.inspect('n')
    const seen: unknown[] = []
    const options = { ttl: '1h', grace: '1h', softTimeout: '10s' } as const
    const kept = await cache.getOrSet<typeof value>(
      'n',
      ({ previous, hasPrevious, notModified }) => {
        seen.push(previous, hasPrevious)
        return notModified()
      },
      options,
    )
    expect(kept).toEqual(value)
    expect(seen).toEqual([value, true])
    const after = await cache.inspect('n')
    expect(after).toMatchObject({
      state: 'fresh',
      value,
      generations: before.generations,
      bytes: before.bytes,
    })
    expect(after.ttlMs).toBeGreaterThan(3_000_000)
    expect(await cache.get('n')).toEqual(value)
  })

  test('keeps a compressed previous value unchanged', async () => {
    const cache = open({ compressionThreshold: 1_000 })
    // So large that even compressed it is above the threshold.
    const value = Array.from({ length: 5_000 }, (_, n) => `${n * 7_919}`).join()
    await cache.getOrSet('big', () => value, BRIEF)
    await becomesStale(cache, 'big')
    const options = { ttl: '1h', grace: '1h', softTimeout: '10s' } as const
    const kept = await cache.getOrSet<string>('big', ({ notModified }) => notModified(), options)
    expect(kept).toBe(value)
    expect(await cache.get('big')).toBe(value)
    expect((await cache.inspect('big')).bytes).toBeLessThan(value.length)
  })

  test('does not keep a previous value that was deleted while the factory ran', async () => {
    const [cache, other] = [open(), open()]
    await cache.getOrSet('n', () => 'old', BRIEF)
    await becomesStale(cache, 'n')
    const gate = new Gate()
    const refreshing = cache.getOrSet<string>(
      'n',
      async ({ notModified }) => {
        await gate.pass()
        return notModified()
      },
      { ...BRIEF, softTimeout: '10s' },
    )
    await gate.reached()
    await other.delete('n')
    gate.open()
    expect(await refreshing).toBe('old')
    expect(await other.get('n')).toBeUndefined()
    expect(await other.getOrSet('n', () => 'new', BRIEF)).toBe('new')
  })

  test('rejects when there is no previous value to keep', async () => {
    const cache = open()
    const factory = vi.fn(({ previous, hasPrevious, notModified }) => {
      expect([previous, hasPrevious]).toEqual([undefined, false])
      return notModified()
    })
    await expect(cache.getOrSet('none', factory)).rejects.toThrow(ConfigurationError)
    await expect(cache.getOrSet('none', factory)).rejects.toThrow('has no previous value to keep')
  })

  test('limits concurrent refreshes, and completes those in progress when it is closed', async () => {
    const cache = open()
    const keys = Array.from({ length: 60 }, (_, index) => `many::${index}`)
    await Promise.all(keys.map((key) => cache.getOrSet(key, () => 'old', BRIEF)))
    await Promise.all(keys.map((key) => becomesStale(cache, key)))
    const gate = new Gate()
    let [running, most] = [0, 0]
    const refresh = async () => {
      running++
      most = Math.max(most, running)
      await gate.pass()
      running--
      return 'new'
    }
    const options = { ...BRIEF, ttl: '1h' } as const
    expect(await Promise.all(keys.map((key) => cache.getOrSet(key, refresh, options)))).toEqual(
      keys.map(() => 'old'),
    )
    await vi.waitFor(() => expect(running).toBe(32))
    const closing = cache.close()
    gate.open()
    await closing
    expect(most).toBe(32)
    expect(running).toBe(0)
    expect(cache.processStats().totals.computations).toBe(60 + 32)
  })
})
