import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test, vi } from 'vitest'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { CHANNELS } from '../../src/channels.js'
import type { OperationMessage } from '../../src/stats/operation-message.js'
import type { LoggedCall } from '../../src/tiers/call-log.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { becomesStale } from '../helpers/stale.js'
import { Gate } from './gate.js'

const GRACE = { ttl: '1h', grace: '1h' } as const
const NO_GRACE = { ttl: '1h' } as const

/** Every way to let `a::b` expire. */
const WAYS: Record<string, (cache: KeyedCache) => Promise<boolean>> = {
  alone: (cache) => cache.expire('a::b'),
  'with its children': (cache) => cache.expire('a::b', { children: true }),
  'with its parent': (cache) => cache.expire('a', { children: true }),
}

describeOnEveryBackend('A value that was marked stale', (open) => {
  test.each(Object.entries(WAYS))(
    '%s is served within its grace period while one process computes it',
    async (_, expire) => {
      const [cache, other] = [open(), open()]
      await cache.getOrSet('a::b', () => 'old', GRACE)
      expect(await expire(other)).toBe(true)
      const gate = new Gate()
      const refresh = vi.fn(async () => {
        await gate.pass()
        return 'new'
      })
      expect(await cache.getOrSet('a::b', refresh, GRACE)).toBe('old')
      await gate.reached()
      expect(await other.getOrSet('a::b', refresh, GRACE)).toBe('old')
      expect(await cache.getOrSet('a::b', refresh, GRACE)).toBe('old')
      gate.open()
      await vi.waitFor(async () => expect(await other.getOrSet('a::b', refresh, GRACE)).toBe('new'))
      expect(await cache.get('a::b')).toBe('new')
      expect(refresh).toHaveBeenCalledOnce()
    },
  )

  test.each(Object.entries(WAYS))(
    '%s is computed at once by a caller without a grace period',
    async (_, expire) => {
      const [cache, other] = [open(), open()]
      // Written without a grace either: it has life left all the same.
      await cache.getOrSet('a::b', () => 'old', NO_GRACE)
      await expire(other)
      const seen: unknown[] = []
      const factory = ({ previous, hasPrevious }: { previous: unknown; hasPrevious: boolean }) => {
        seen.push(previous, hasPrevious)
        return 'new'
      }
      expect(await cache.getOrSet<unknown>('a::b', factory, NO_GRACE)).toBe('new')
      expect(seen).toEqual(['old', true])
      expect(await other.get('a::b')).toBe('new')
    },
  )

  test.each(Object.entries(WAYS))('%s is a miss for all other reads, with its reason', async (_, expire) => {
    const [cache, other] = [open(), open()]
    await cache.set('a::b', 'old')
    await expire(other)
    expect(await cache.get('a::b')).toBeUndefined()
    expect(await cache.has('a::b')).toBe(false)
    expect(await cache.getMany(['a::b', 'z'])).toEqual([undefined, undefined])
    const keys: string[] = []
    for await (const key of cache.keys()) keys.push(key.text)
    expect(keys).toEqual([])
    expect(cache.processStats().totals.missesBy).toEqual({ expired: 2, absent: 1 })
  })

  test.each(Object.entries(WAYS))(
    '%s is replaced by the next set, fill or computation',
    async (_, expire) => {
      const [cache, other] = [open(), open()]
      const ways = {
        set: () => cache.set('a::b', 'new'),
        fill: () =>
          cache.withRequestMemory(async () => {
            expect(await cache.get('a::b')).toBeUndefined()
            expect(await cache.set('a::b', 'new')).toBe(true)
          }),
        computation: () => cache.getOrSet('a::b', () => 'new'),
      }
      await cache.set('a::b', 'old')
      for (const [way, write] of Object.entries(ways)) {
        expect(await expire(other)).toBe(true)
        await write()
        expect(await other.get('a::b'), way).toBe('new')
        expect((await other.inspect('a::b')).state, way).toBe('fresh')
      }
    },
  )

  test.each(Object.entries(WAYS))(
    '%s stays stale, also with an earlier computation or fill in progress',
    async (_, expire) => {
      const [cache, other] = [open(), open()]
      const gates = [new Gate(), new Gate()] as const
      const slowly = async (gate: Gate) => {
        await gate.pass()
        return 'older'
      }
      await cache.set('a::b', 'old')
      await other.expire('a::b')
      const computing = cache.getOrSet('a::b', () => slowly(gates[0]), NO_GRACE)
      const filling = other.withRequestMemory(async () => {
        await other.get('a::b')
        return other.set('a::b', await slowly(gates[1]))
      })
      await Promise.all(gates.map((gate) => gate.reached()))
      await expire(other)
      for (const gate of gates) gate.open()
      expect(await computing).toBe('older')
      expect(await filling).toBe(false)
      expect(await cache.get('a::b')).toBeUndefined()
      expect(cache.processStats().totals.fencedCommits).toBe(1)
      expect(await other.getOrSet('a::b', () => 'new', NO_GRACE)).toBe('new')
    },
  )

  test.each(Object.entries(WAYS))('%s has its grace period from that moment', async (_, expire) => {
    const cache = open()
    await cache.set('a::b', 'old', { ttl: '1h', grace: '1h' })
    await expire(cache)
    const refuse = () => Promise.reject(new Error('not now'))
    const options = { grace: '1h', retryDelay: '1h' } as const
    expect(await cache.getOrSet('a::b', refuse, options)).toBe('old')
    // Longer than this grace ago.
    const before = performance.now()
    await vi.waitFor(() => expect(performance.now() - before).toBeGreaterThan(20))
    expect(await cache.getOrSet('a::b', refuse, options)).toBe('old')
    expect(await cache.getOrSet('a::b', () => 'new', { grace: 0.01 })).toBe('new')
  })

  test('may be a failure: the next read tries again', async () => {
    const cache = open()
    const options = { errorTtl: '1h' } as const
    const fail = () => Promise.reject(new Error('down'))
    await expect(cache.getOrSet('a::b', fail, options)).rejects.toThrow('down')
    await expect(cache.getOrSet('a::b', () => 'new', options)).rejects.toThrow(
      'failed less than its errorTtl ago',
    )
    expect(await cache.expire('a', { children: true })).toBe(true)
    expect(await cache.get('a::b')).toBeUndefined()
    const { state, reason, why } = await cache.inspect('a::b')
    expect({ state, reason }).toEqual({ state: 'missing', reason: 'expired' })
    expect(why).toMatch('marked stale')
    expect(await cache.getOrSet('a::b', () => 'new', options)).toBe('new')
  })

  test('may be kept by a factory that finds it valid', async () => {
    const [cache, other] = [open(), open()]
    for (const expire of Object.values(WAYS)) {
      await cache.set('a::b', { big: 'x'.repeat(10_000) })
      await expire(other)
      const kept = await cache.getOrSet<object>('a::b', ({ notModified }) => notModified(), NO_GRACE)
      expect(kept).toEqual({ big: 'x'.repeat(10_000) })
      expect(await other.get('a::b')).toEqual(kept)
    }
  })

  test('is dropped from the memory of the request that marked it, and nothing else is', async () => {
    const cache = open()
    await cache.set('a::b', 'old')
    await cache.set('a::c', 'other')
    await cache.withRequestMemory(async () => {
      expect(await cache.get('a::b')).toBe('old')
      expect(await cache.get('a::c')).toBe('other')
      await cache.expire('a::b')
      expect(await cache.get('a::b')).toBeUndefined()
      expect(await cache.get('a::c')).toBe('other')
      await cache.expire('a', { children: true })
      expect(await cache.get('a::c')).toBeUndefined()
    })
  })

  test('is marked while caching is off, too', async () => {
    const [cache, other] = [open(), open()]
    await other.set('a::b', 'old')
    cache.enable(false)
    expect(await cache.expire('a::b')).toBe(true)
    expect(await other.get('a::b')).toBeUndefined()
  })

  test('expire() resolves to whether there was a value', async () => {
    const cache = open()
    expect(await cache.expire('a::b')).toBe(false)
    expect(await internalsOf(cache).expireOutcome('a', { children: true })).toBe('absent')
    await cache.set('a::b', 1)
    expect(await internalsOf(cache).expireOutcome('a::b')).toBe('expired')
    expect(await internalsOf(cache).expireOutcome('a', { children: true })).toBe('expired')
    await cache.delete('a', { children: true })
    expect(await cache.expire('a::b')).toBe(false)
    expect((await cache.inspect('a::b')).reason).toBe('ancestor-deleted')
  })

  test('inspect() shows when it was marked, by which user and with which key', async () => {
    const cache = open()
    const scope = internalsOf(cache).openScope({
      fills: false,
      origin: () => ({ route: 'POST /prices', user: 'anna' }),
    })
    await cache.set('a::b', 'old')
    await internalsOf(cache).bindTo(scope).expire('a', { children: true })
    const by = String.raw`.* ago by process \S+, POST /prices, user anna\. Served within its grace period for another [45] m`
    const below = await cache.inspect('a::b')
    expect(below.why).toMatch(new RegExp(`^Written .*\\. Marked stale with everything under a, ${by}`))
    expect(below).toMatchObject({
      state: 'stale',
      reason: 'expired',
      ttlMs: 0,
      value: 'old',
      provenance: { route: 'POST /prices', user: 'anna' },
    })
    await cache.set('a::b', 'old')
    await internalsOf(cache).bindTo(scope).expire('a::b')
    expect((await cache.inspect('a::b')).why).toMatch(new RegExp(`^Written .*\\. Marked stale ${by}`))
    scope.end()
  })

  test('is counted, recorded in the request log, and published', async () => {
    const cache = open()
    await cache.set('a::b', 1)
    const published: OperationMessage[] = []
    const listener = (message: unknown) => void published.push(message as OperationMessage)
    subscribe(CHANNELS.operation, listener)
    const calls: LoggedCall[] = []
    const scope = internalsOf(cache).openScope({
      fills: false,
      log: { add: (call) => void calls.push(call), leaveOut() {} },
    })
    await internalsOf(cache).bindTo(scope).expire('a', { children: true })
    await internalsOf(cache).bindTo(scope).expire('z')
    scope.end()
    unsubscribe(CHANNELS.operation, listener)
    expect(cache.processStats().totals).toMatchObject({ expires: 2, deletes: 0 })
    expect(calls).toEqual([
      { operation: 'expire', key: 'a', outcome: 'expired', children: true },
      { operation: 'expire', key: 'z', outcome: 'absent' },
    ])
    expect(published).toMatchObject([
      { operation: 'expire', key: 'a', outcome: 'expired', children: true },
      { operation: 'expire', key: 'z', outcome: 'absent', children: false },
    ])
  })

  test('after its own expiry is reported as expired', async () => {
    const cache = open()
    await cache.set('a::b', 'old', { ttl: '10ms', grace: '1h' })
    await becomesStale(cache, 'a::b')
    expect(await cache.expire('a::b')).toBe(true)
    expect((await cache.inspect('a::b')).why).toMatch(/\. Expired .* ago\. Served within/)
  })
})
