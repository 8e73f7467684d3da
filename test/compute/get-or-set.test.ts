import { expect, expectTypeOf, test, vi } from 'vitest'
import {
  ComputeFailedError,
  ConfigurationError,
  InvalidKeyError,
  UnserializableValueError,
} from '../../src/errors.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { Gate } from './gate.js'

describeOnEveryBackend('getOrSet', (open) => {
  test('computes a missing value once, and returns it', async () => {
    const cache = open()
    const factory = vi.fn(() => ({ at: new Date(0), tags: new Set(['a']) }))
    expect(await cache.getOrSet(['product', 1], factory)).toEqual({ at: new Date(0), tags: new Set(['a']) })
    expect(await cache.getOrSet(['product', 1], factory)).toEqual({ at: new Date(0), tags: new Set(['a']) })
    expect(factory).toHaveBeenCalledOnce()
    expect(await cache.get('product::1')).toEqual({ at: new Date(0), tags: new Set(['a']) })
  })

  test('computes once for concurrent callers of one process and of another', async () => {
    const caches = [open(), open()]
    const factory = vi.fn(async () => {
      await new Promise((resolve) => setTimeout(resolve, 30))
      return { list: [1] }
    })
    const values = await Promise.all(
      Array.from({ length: 100 }, (_, caller) => caches[caller % 2]!.getOrSet('one', factory)),
    )
    expect(factory).toHaveBeenCalledOnce()
    expect(values).toEqual(Array(100).fill({ list: [1] }))
    const totals = caches.map((cache) => cache.processStats().totals)
    expect(totals.reduce((sum, { computations }) => sum + computations, 0)).toBe(1)
    expect(totals.reduce((sum, { avoided }) => sum + avoided, 0)).toBe(99)
  })

  test('gives each caller a copy', async () => {
    const cache = open()
    const shared = { list: [1] }
    const [one, other] = await Promise.all([
      cache.getOrSet('own', () => shared),
      cache.getOrSet('own', () => shared),
    ])
    one.list.push(2)
    expect(other).toEqual({ list: [1] })
    expect(shared).toEqual({ list: [1] })
    expect(await cache.get('own')).toEqual({ list: [1] })
  })

  test('caches undefined and null', async () => {
    const cache = open()
    for (const [key, value] of [
      ['u', undefined],
      ['n', null],
    ] as const) {
      const factory = vi.fn(() => value)
      expect(await cache.getOrSet(key, factory)).toBe(value)
      expect(await cache.getOrSet(key, factory)).toBe(value)
      expect(factory).toHaveBeenCalledOnce()
      expect(await cache.has(key)).toBe(true)
    }
  })

  test('is typed by its factory', async () => {
    const cache = open()
    expectTypeOf(await cache.getOrSet('n', () => 1)).toEqualTypeOf<number>()
    expectTypeOf(await cache.getOrSet('s', async () => 'text')).toEqualTypeOf<string>()
    await cache.getOrSet('p', ({ previous }) => {
      expectTypeOf(previous).toEqualTypeOf<unknown>()
      return 1
    })
    await cache.getOrSet<number>('q', ({ previous, skip }) => {
      expectTypeOf(previous).toEqualTypeOf<number | undefined>()
      return skip(2)
    })
  })

  test('uses request memory', async () => {
    const cache = open()
    await cache.withRequestMemory(async (own) => {
      const first = await own.getOrSet('r', () => ({ n: 1 }))
      first.n = 99
      expect(await own.get('r')).toEqual({ n: 1 })
      expect(await own.getOrSet('r', () => ({ n: 2 }))).toEqual({ n: 1 })
      await own.set('r', { n: 3 })
      expect(await own.getOrSet('r', () => ({ n: 4 }))).toEqual({ n: 3 })
      await own.delete('r')
      expect(await own.getOrSet('r', () => ({ n: 5 }))).toEqual({ n: 5 })
    })
  })

  test('stores a value that blocked its process beyond the lease, when no other process took over', async () => {
    const cache = open()
    const blocking = () => {
      const began = performance.now()
      while (performance.now() - began < 120);
      return 'slow'
    }
    expect(await cache.getOrSet('blocking', blocking, { leaseTime: '40ms' })).toBe('slow')
    expect(cache.processStats().totals).toMatchObject({ computations: 1, fencedCommits: 0 })
    expect(await cache.get('blocking')).toBe('slow')
  })

  test('counts a hit, a miss with its reason, and computing time', async () => {
    const cache = open()
    await cache.getOrSet('product::1', async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return 1
    })
    await cache.getOrSet('product::1', () => 2)
    const figures = cache.processStats().families.get('product')
    expect(figures).toMatchObject({ hits: 1, misses: 1, missesBy: { absent: 1 }, computations: 1 })
    expect(figures?.computingMs).toBeGreaterThan(15)
    const { computingMs } = await cache.inspect('product::1')
    expect(computingMs).toBeGreaterThan(15)
  })

  test('calls the factory while caching is off', async () => {
    const cache = open({ enabled: false })
    const factory = vi.fn(() => 1)
    expect(await cache.getOrSet('off', factory)).toBe(1)
    expect(await cache.getOrSet('off', factory)).toBe(1)
    expect(factory).toHaveBeenCalledTimes(2)
    cache.enable(true)
    expect(await cache.has('off')).toBe(false)
  })

  test('isolates its factory from request memory', async () => {
    const [cache, other] = [open(), open()]
    await cache.set('part', 'old')
    await cache.withRequestMemory(async (own) => {
      expect(await own.get('part')).toBe('old')
      await other.set('part', 'new')
      expect(await own.get('part')).toBe('old')
      expect(await own.getOrSet('whole', () => own.get('part'))).toBe('new')
      expect(await own.getOrSet('whole too', () => cache.get('part'))).toBe('new')
    })
  })

  describeErrors(open)
  describeTtl(open)
})

type Open = Parameters<Parameters<typeof describeOnEveryBackend>[1]>[0]

function describeErrors(open: Open): void {
  test('rejects all waiters with the error of the factory, and stores nothing', async () => {
    const cache = open()
    const thrown = new Error('out of stock', { cause: 'the warehouse' })
    const settled = await Promise.allSettled(
      Array.from({ length: 10 }, () => cache.getOrSet('e', () => Promise.reject(thrown))),
    )
    for (const one of settled) expect(one).toEqual({ status: 'rejected', reason: thrown })
    expect(settled.every((one) => one.status === 'rejected' && one.reason === thrown)).toBe(true)
    expect(await cache.getOrSet('e', () => 'again')).toBe('again')
    expect(cache.processStats().totals).toMatchObject({ computations: 2, failedComputations: 1 })
  })

  test('lets a waiting process compute at once when the computation of another has failed', async () => {
    const [cache, other] = [open(), open()]
    const gate = new Gate()
    const failing = cache.getOrSet('handed on', async () => {
      await gate.pass()
      throw new Error('no luck')
    })
    failing.catch(() => {})
    await gate.reached()
    const waiting = other.getOrSet('handed on', () => 'luck')
    await vi.waitFor(() => expect(other.processStats().totals.waits).toBe(1))
    gate.open()
    await expect(failing).rejects.toThrow('no luck')
    const began = performance.now()
    expect(await waiting).toBe('luck')
    expect(performance.now() - began).toBeLessThan(4_000)
  })

  test('caches a failure for errorTtl, also for other processes', async () => {
    const [cache, other] = [open(), open()]
    const thrown = Object.assign(new TypeError('no carrier'), { code: 'E_CARRIER' })
    const options = { errorTtl: '1s' } as const
    await expect(cache.getOrSet('f', () => Promise.reject(thrown), options)).rejects.toBe(thrown)
    const factory = vi.fn(() => 'fine')
    for (const one of [cache, other]) {
      const error = await one.getOrSet('f', factory, options).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(ComputeFailedError)
      expect(error).toMatchObject({
        key: 'f',
        cause: { name: 'TypeError', message: 'no carrier', code: 'E_CARRIER' },
      })
    }
    expect(factory).not.toHaveBeenCalled()
    expect(await cache.get('f')).toBeUndefined()
    expect(await cache.has('f')).toBe(false)
    expect((await cache.inspect('f')).why).toMatch(/^The computation failed/)
    expect(cache.processStats().totals.missesBy.failed).toBeGreaterThan(0)
    await vi.waitFor(async () => expect(await other.getOrSet('f', factory, options)).toBe('fine'), {
      timeout: 10_000,
      interval: 20,
    })
  })

  test('caches only errors of the factory, neither a cycle nor a value that cannot be stored', async () => {
    const cache = open()
    const options = { errorTtl: '1h' } as const
    await expect(cache.getOrSet('a', () => cache.getOrSet('a', () => 1), options)).rejects.toThrow(
      'needs "a"',
    )
    expect(await cache.getOrSet('a', () => 1, options)).toBe(1)
    const strict = { ...options, strictValues: true }
    await expect(cache.getOrSet('u', () => () => 1, strict)).rejects.toThrow(UnserializableValueError)
    expect(await cache.getOrSet('u', () => 1 as unknown, options)).toBe(1)
  })

  test('caches an error whose properties throw', async () => {
    const cache = open()
    const hostile = Object.defineProperty(new Error('x'), 'message', {
      get() {
        throw new TypeError('from a getter')
      },
    })
    for (const [name, thrown] of Object.entries({ hostile, nothing: undefined, bare: Object.create(null) })) {
      const factory = () => Promise.reject(thrown)
      await expect(cache.getOrSet(name, factory, { errorTtl: '1h' })).rejects.toBe(thrown)
      await expect(cache.getOrSet(name, () => 1)).rejects.toThrow(ComputeFailedError)
    }
    expect(cache.processStats().totals.failedComputations).toBe(3)
  })

  test('drops a cached failure with a delete', async () => {
    const cache = open()
    await cache.getOrSet('f', () => Promise.reject(new Error('x')), { errorTtl: '1h' }).catch(() => {})
    await cache.delete('f')
    expect(await cache.getOrSet('f', () => 1)).toBe(1)
  })

  test('rejects a value that cannot be stored with its path, with the option for it', async () => {
    const cache = open({ strictValues: true })
    await expect(cache.getOrSet('u', () => ({ a: [() => 1] }))).rejects.toThrow(UnserializableValueError)
    await expect(cache.getOrSet('u', () => ({ a: [() => 1] }))).rejects.toMatchObject({ path: 'value.a[0]' })
    expect(await cache.getOrSet('u', () => 1)).toBe(1)
  })

  test('refuses invalid options at the call', async () => {
    const cache = open()
    const call = (options: object) => cache.getOrSet('o', () => 1, options)
    for (const options of [
      { ttl: '5 minutes' },
      { ttl: -1 },
      { grace: 'long' },
      { earlyRefresh: { beta: 0 } },
      { earlyRefresh: { bta: 1 } },
      { softTimeout: 0 },
      { hardTimeout: Number.NaN },
      { waitTimeout: '1y' },
      { leaseTime: -5 },
      { errorTtl: '0s' },
      { negativeTtl: '400d' },
      { signal: {} },
    ]) {
      await expect(call(options), JSON.stringify(options)).rejects.toThrow(ConfigurationError)
    }
    await expect(call({ tll: 1 })).rejects.toThrow('Unknown option "tll": did you mean "ttl"?')
    await expect(cache.getOrSet([undefined as never], () => 1)).rejects.toThrow(InvalidKeyError)
    await expect(cache.getOrSet('o', 'no function' as never)).rejects.toThrow(ConfigurationError)
    expect(await cache.has('o')).toBe(false)
  })
}

function describeTtl(open: Open): void {
  const ttlOf = async (cache: ReturnType<Open>, key: string) =>
    Math.round((await cache.inspect(key)).ttlMs! / 1_000)

  test('takes the TTL from the option, a function of the value, or the factory', async () => {
    const cache = open({ ttl: '10m' })
    await cache.getOrSet('default', () => 1)
    await cache.getOrSet('option', () => 1, { ttl: '20s' })
    await cache.getOrSet('function', () => ({ seconds: 30 }), { ttl: ({ seconds }) => seconds })
    await cache.getOrSet('factory', ({ setTtl }) => setTtl('40s'), { ttl: '20s' })
    expect(await ttlOf(cache, 'default')).toBe(600)
    expect(await ttlOf(cache, 'option')).toBe(20)
    expect(await ttlOf(cache, 'function')).toBe(30)
    expect(await ttlOf(cache, 'factory')).toBe(40)
  })

  test('caches missing values for negativeTtl, or not at all', async () => {
    const cache = open()
    await cache.getOrSet('short', () => null, { ttl: '1h', negativeTtl: '5s' })
    await cache.getOrSet('there', () => 0, { ttl: '1h', negativeTtl: '5s' })
    await cache.getOrSet('never', () => undefined, { negativeTtl: false })
    expect(await ttlOf(cache, 'short')).toBe(5)
    expect(await ttlOf(cache, 'there')).toBe(3_600)
    expect(await cache.has('never')).toBe(false)
  })

  test('does not store a value that the factory skips', async () => {
    const cache = open()
    expect(await cache.getOrSet('s', ({ skip }) => skip('not to be kept'))).toBe('not to be kept')
    const skipping = cache.getOrSet('s', ({ skip }) => {
      skip()
      return 'nor this'
    })
    expect(await skipping).toBe('nor this')
    expect(await cache.has('s')).toBe(false)
    expect(await cache.getOrSet('s', () => 'this')).toBe('this')
  })

  test('computes again when validate rejects a value, as after a deploy with another shape', async () => {
    const cache = open()
    await cache.set('v', { name: 'Lamp' })
    const validate = (value: unknown) => typeof (value as { title: unknown }).title === 'string'
    expect(await cache.getOrSet('v', () => ({ title: 'Lamp' }), { validate })).toEqual({ title: 'Lamp' })
    expect(await cache.get('v')).toEqual({ title: 'Lamp' })
    expect(await cache.getOrSet('v', () => ({ title: 'none' }), { validate })).toEqual({ title: 'Lamp' })
    expect(cache.processStats().totals.missesBy).toMatchObject({ invalid: 1 })
    // Whoever joins one that asked for less asks for himself.
    await cache.delete('v')
    const gate = new Gate()
    const computing = cache.getOrSet('v', async () => gate.pass().then(() => ({ name: 'Lamp' })))
    await gate.reached()
    const joining = cache.getOrSet('v', () => ({ title: 'Lamp' }), { validate })
    await vi.waitFor(() => expect(cache.processStats().totals.waits).toBe(1))
    gate.open()
    expect(await Promise.all([computing, joining])).toEqual([{ name: 'Lamp' }, { title: 'Lamp' }])
    await cache.set('v', null)
    // A check that throws does not know the shape either.
    expect(await cache.getOrSet('v', () => ({ title: 'again' }), { validate })).toEqual({ title: 'again' })
  })
}
