import { expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { ConfigurationError } from '../../src/errors.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { becomesStale } from '../helpers/stale.js'

const ttlOf = async (cache: KeyedCache, key: string) =>
  Math.round(((await cache.inspect(key)).ttlMs ?? 0) / 1_000)

const thrown = () => {
  throw new TypeError('token is undefined')
}

/** TTLs that do not store a value, and say so honestly. */
const OVER = [0, -0, -5, Number.NEGATIVE_INFINITY, -1e300, '0s', '-5m']

/** TTLs longer than the longest. */
const LONG = [60 * 86_400, Number.POSITIVE_INFINITY, 1e308, 1.8e12, '60d', '99999d']

/** Invalid TTLs, and their names in the warning. */
const WRONG: [unknown, string][] = [
  [Number.NaN, 'NaN'],
  ['5 minutes', '"5 minutes"'],
  ['', '""'],
  ['10', '"10"'],
  ['1e3s', '"1e3s"'],
  ['eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9', 'a text of 36 characters'],
  [null, 'null'],
  [true, 'true'],
  [false, 'false'],
  [60n, '60n'],
  [new Date(), 'a Date (a TTL is the time left, in seconds)'],
  [{ access_token: 's3cr3t' }, '{…}'],
  [[60], '[…]'],
  [Object(60), 'an instance of Number'],
  [() => 60, 'a function'],
  [Symbol('s'), 'a symbol'],
]

describeOnEveryBackend('A computed TTL', (open) => {
  const start = () => {
    const warnings: string[] = []
    const cache = open({
      ttl: '10m',
      maxTtl: '30d',
      logger: { warn: (message) => void warnings.push(message) },
    })
    /** The two ways to compute one. */
    const ways: Record<string, (key: string, ttl: unknown) => Promise<unknown>> = {
      'the ttl function returned': (key, ttl) =>
        cache.getOrSet(key, () => ({ key }), { ttl: () => ttl as number }),
      'setTtl() was given': (key, ttl) =>
        cache.getOrSet(key, ({ setTtl }) => {
          setTtl(ttl as number)
          return { key }
        }),
    }
    return { cache, warnings, ways: Object.entries(ways) }
  }

  test('of zero or less does not store the value, which reaches its caller, without a warning', async () => {
    const { cache, warnings, ways } = start()
    for (const [, compute] of ways) {
      for (const ttl of OVER) {
        expect(await compute('token', ttl)).toEqual({ key: 'token' })
        expect(await cache.has('token')).toBe(false)
      }
    }
    expect(warnings).toEqual([])
    expect(cache.processStats().totals).toMatchObject({ unstorable: 0, failedComputations: 0 })
  })

  test('beyond the maximum is the maximum', async () => {
    const { cache, warnings, ways } = start()
    for (const [, compute] of ways) {
      for (const ttl of LONG) {
        expect(await compute('token', ttl)).toEqual({ key: 'token' })
        expect(await ttlOf(cache, 'token')).toBe(30 * 86_400)
        await cache.delete('token')
      }
    }
    expect(warnings).toEqual([])
  })

  for (const [ttl, called] of WRONG) {
    test(`that is ${called} does not store the value, which reaches its caller, with one warning`, async () => {
      const { cache, warnings, ways } = start()
      for (const [way, compute] of ways) {
        warnings.length = 0
        const family = way.slice(0, 4).trim()
        const other = new Map(ways).get(way)
        expect(await compute(`${family}::1`, ttl)).toEqual({ key: `${family}::1` })
        expect(await other?.(`${family}::2`, ttl)).toEqual({ key: `${family}::2` })
        expect(await cache.has(`${family}::1`)).toBe(false)
        expect(warnings).toHaveLength(1)
        expect(warnings[0]).toContain(`"${family}"`)
        expect(warnings[0]).toContain(`${way} ${called}.`)
      }
      expect(cache.processStats().totals.unstorable).toBe(4)
    })
  }

  test('by a function that throws does not store the value, which reaches its caller', async () => {
    const { cache, warnings } = start()
    expect(await cache.getOrSet('token', () => 1, { ttl: thrown })).toBe(1)
    expect(await cache.has('token')).toBe(false)
    expect(warnings).toEqual([expect.stringContaining('the ttl function threw "token is undefined"')])
    for (const hostile of [
      undefined,
      Object.create(null),
      Object.defineProperty(new Error(), 'message', { get: thrown }),
    ]) {
      const ttl = () => {
        throw hostile
      }
      expect(await cache.getOrSet('token', () => 1, { ttl })).toBe(1)
    }
  })

  test('by a function that returns a promise does not store the value, and ends no process', async () => {
    const { cache, warnings } = start()
    const rejections: unknown[] = []
    const listen = (reason: unknown) => rejections.push(reason)
    process.on('unhandledRejection', listen)
    expect(await cache.getOrSet('token', () => 1, { ttl: (async () => thrown()) as never })).toBe(1)
    const rejecting = ({ setTtl }: { setTtl(ttl: never): void }) => {
      setTtl(Promise.reject(new Error('late')) as never)
      return 2
    }
    expect(await cache.getOrSet('token', rejecting)).toBe(2)
    await cache.set('token', 3)
    const validate = (async () => thrown()) as never
    expect(await cache.getOrSet('token', () => 4, { validate })).toBe(4)
    await new Promise(setImmediate)
    process.off('unhandledRejection', listen)
    expect(rejections).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('returned a promise (a TTL must be known at once)')])
  })

  test('that is undefined has the effect of an omitted option', async () => {
    const { cache, warnings } = start()
    await cache.getOrSet('function', () => 1, { ttl: () => undefined })
    await cache.getOrSet('factory', ({ setTtl }) => setTtl(undefined), { ttl: '20s' })
    expect(await ttlOf(cache, 'function')).toBe(600)
    expect(await ttlOf(cache, 'factory')).toBe(20)
    expect(warnings).toEqual([])
  })

  test('applies as it was given last', async () => {
    const { cache, warnings } = start()
    await cache.getOrSet('k', ({ setTtl }) => {
      setTtl(Number.NaN)
      setTtl('40s')
    })
    expect(await ttlOf(cache, 'k')).toBe(40)
    expect(warnings).toEqual([])
  })

  test('of one value of a batch does not affect the others', async () => {
    const { cache, warnings } = start()
    const keys = ['t::1', 't::2', 't::3', 't::4', 't::5']
    const seconds = [60, 0, Number.NaN, 1e12, 90]
    const ttl = (value: number) => value
    expect(await cache.getOrSetMany(keys, () => seconds, { ttl })).toEqual(seconds)
    expect(await cache.getMany(keys)).toEqual([60, undefined, undefined, 1e12, 90])
    expect(await ttlOf(cache, 't::4')).toBe(30 * 86_400)
    await cache.delete('t', { children: true })
    const set = (_: unknown, contexts: readonly { setTtl(ttl: number): void }[]) => {
      for (const [index, { setTtl }] of contexts.entries()) setTtl(seconds[index]!)
      return seconds
    }
    expect(await cache.getOrSetMany(keys, set)).toEqual(seconds)
    expect(await cache.getMany(keys)).toEqual([60, undefined, undefined, 1e12, 90])
    expect(warnings).toHaveLength(1)
  })

  test('by a function that changes the value affects neither the caller nor the stored value', async () => {
    const { cache } = start()
    const ttl = (token: { scopes: string[] }) => {
      token.scopes.length = 0
      return 60
    }
    expect(await cache.getOrSet('m', () => ({ scopes: ['a'] }), { ttl })).toEqual({ scopes: ['a'] })
    expect(await cache.get('m')).toEqual({ scopes: ['a'] })
  })

  test('is not computed when nothing is stored', async () => {
    const { cache } = start()
    const ttl = vi.fn(() => 60)
    expect(await cache.getOrSet('skipped', ({ skip }) => skip(1), { ttl })).toBe(1)
    cache.enable(false)
    expect(await cache.getOrSet('off', () => 1, { ttl })).toBe(1)
    expect(ttl).not.toHaveBeenCalled()
  })

  test('and a grace period together do not exceed the maximum', async () => {
    const { cache } = start()
    await cache.getOrSet('g', () => 1, { ttl: () => Number.POSITIVE_INFINITY, grace: '30d' })
    expect(await cache.get('g')).toBe(1)
    expect(await ttlOf(cache, 'g')).toBe(30 * 86_400)
    const longest = open({ maxTtl: '3650d' })
    await longest.getOrSet('l', () => 1, { ttl: () => Number.POSITIVE_INFINITY, grace: '3650d' })
    expect(await longest.get('l')).toBe(1)
  })

  test('of zero or less leaves a stale value served, which is not computed again at each read', async () => {
    const { cache } = start()
    const options = { grace: '1h' } as const
    await cache.getOrSet('s', () => 'old', { ...options, ttl: '20ms' })
    await becomesStale(cache, 's')
    const factory = vi.fn(() => 'over')
    for (let read = 0; read < 10; read++) {
      expect(await cache.getOrSet('s', factory, { ...options, ttl: () => 0 })).toBe('old')
      await vi.waitFor(() => expect(cache.processStats().totals.computations).toBe(2))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(factory).toHaveBeenCalledOnce()
  })

  test('of a kept value replaces its TTL, or leaves it unchanged', async () => {
    const { cache } = start()
    const options = { grace: '1h', softTimeout: '10s' } as const
    const keep = (ttl: unknown) =>
      cache.getOrSet<string>(
        'n',
        ({ notModified, setTtl }) => {
          setTtl(ttl as number)
          return notModified()
        },
        { ...options, retryDelay: 1 },
      )
    await cache.getOrSet('n', () => 'old', { ...options, ttl: '20ms' })
    await becomesStale(cache, 'n')
    for (const ttl of [0, Number.NaN]) {
      await vi.waitFor(async () => expect(await keep(ttl)).toBe('old'))
      expect((await cache.inspect('n')).state).toBe('stale')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await vi.waitFor(async () => {
      expect(await keep(Number.POSITIVE_INFINITY)).toBe('old')
      expect(await ttlOf(cache, 'n')).toBe(30 * 86_400)
    })
  })

  test('is shortened by jitter like any other', async () => {
    const cache = open({ ttlJitter: 0.5, maxTtl: '1h' })
    await cache.getOrSet('j', () => 1, { ttl: () => Number.POSITIVE_INFINITY })
    const seconds = await ttlOf(cache, 'j')
    expect(seconds).toBeGreaterThanOrEqual(1_799)
    expect(seconds).toBeLessThanOrEqual(3_600)
  })

  test('that is an invalid constant is an error before the factory runs', async () => {
    const { cache } = start()
    const factory = vi.fn(() => 1)
    for (const options of [
      { ttl: 0 },
      { ttl: Number.NaN },
      { ttl: '5 minutes' as never },
      { ttl: '60d' as const },
      { negativeTtl: (() => 1) as never },
      { negativeTtl: -1 },
      { errorTtl: Number.POSITIVE_INFINITY },
      { grace: -1 },
    ]) {
      await expect(cache.getOrSet('k', factory, options)).rejects.toThrow(ConfigurationError)
      await expect(cache.getOrSetMany(['k'], () => [factory()], options)).rejects.toThrow(ConfigurationError)
      expect(() => cache.cached(factory, { name: 'f', ...options })).toThrow(ConfigurationError)
    }
    await expect(cache.set('k', 1, { ttl: -5 })).rejects.toThrow(
      "ttl must be a positive number of seconds or a text like '500ms', '10s', '5m', '1h' or '30d', not -5.",
    )
    expect(factory).not.toHaveBeenCalled()
  })
})
