import { afterEach, describe, expect, test, vi } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { resolveOptions } from '../../src/options.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

const quiet = { warn: () => {} }

describe('Options', () => {
  test('are all optional: without Redis, entries are stored in memory', () => {
    const options = resolveOptions({}, {})
    expect(options).toMatchObject({
      ttlMs: 300_000,
      maxTtlMs: 2_592_000_000,
      enabled: true,
      requestMemory: true,
    })
    expect(options.store.description).toBe('in-memory store')
  })

  test('are read from the environment', async () => {
    const options = resolveOptions(
      {},
      { REDIS_URL: 'redis://127.0.0.1:6399/2', KEYEDCACHE_PREFIX: 'shop:eu', KEYEDCACHE_ENABLED: 'false' },
    )
    expect(options).toMatchObject({ keyPrefix: 'shop:eu', enabled: false })
    expect(options.store.description).toBe('redis 127.0.0.1:6399/2')
    await options.store.close()
  })

  test('take precedence over the environment', () => {
    const options = resolveOptions(
      { store: 'memory', keyPrefix: 'mine', enabled: true },
      { REDIS_URL: 'redis://127.0.0.1:1', KEYEDCACHE_PREFIX: 'theirs', KEYEDCACHE_ENABLED: '0' },
    )
    expect(options).toMatchObject({ keyPrefix: 'mine', enabled: true })
    expect(options.store.description).toBe('in-memory store')
  })

  test('are as without the environment where its variables are empty', () => {
    const empty = { REDIS_URL: '', KEYEDCACHE_PREFIX: '', KEYEDCACHE_ALIAS: '', KEYEDCACHE_ENABLED: '' }
    expect(resolveOptions({}, empty)).toMatchObject({
      keyPrefix: 'keyedcache',
      alias: 'default',
      enabled: true,
    })
  })

  test('warn once in production without Redis, unless the in-memory store was chosen', () => {
    const warn = vi.fn()
    resolveOptions({ logger: { warn } }, { NODE_ENV: 'production' })
    expect(warn).toHaveBeenCalledTimes(1)
    expect(warn.mock.calls[0]?.[0]).toMatch(/no Redis is configured.*Set REDIS_URL/)
    warn.mockClear()
    resolveOptions({ store: 'memory', logger: { warn } }, { NODE_ENV: 'production' })
    resolveOptions({ logger: { warn } }, {})
    expect(warn).not.toHaveBeenCalled()
  })

  const mistakes: [name: string, options: object, env: Record<string, string>, message: string | RegExp][] = [
    ['a misspelt option', { keyprefix: 'x' }, {}, 'Unknown option "keyprefix": did you mean "keyPrefix"?'],
    ['another', { tll: 5 }, {}, 'Unknown option "tll": did you mean "ttl"?'],
    ...['url', 'redisUrl', 'uri', 'connection'].map(
      (name): [string, object, Record<string, string>, string] => [
        `the name ${name}`,
        { [name]: 'redis://127.0.0.1' },
        {},
        `Unknown option "${name}": did you mean "redis"?`,
      ],
    ),
    ...['prefix', 'namespace'].map((name): [string, object, Record<string, string>, string] => [
      `the name ${name}`,
      { [name]: 'shop' },
      {},
      `Unknown option "${name}": did you mean "keyPrefix"?`,
    ]),
    ['a store that is Redis', { store: 'redis' }, {}, /for Redis write redis: 'redis:\/\//],
    ['a URL as the store', { store: 'redis://127.0.0.1' }, {}, /for Redis write redis: 'redis:\/\//],
    [
      'milliseconds as a ttl',
      { ttl: 3_600_000 },
      {},
      'ttl is 3600000 s, but no entry may live longer than 2592000 s: raise maxTtl if that is meant. A number is seconds.',
    ],
    [
      'milliseconds as the longest ttl',
      { maxTtl: 3_600_000_000 },
      {},
      /longer than 3650 d\. A number is seconds\.$/,
    ],
    [
      'an unheard-of option',
      { compressionLevelOfDetail: 5 },
      {},
      /^Unknown option "compressionLevelOfDetail"\. Known are redis, store, /,
    ],
    ['a misspelt timeout', { timeouts: { stroe: 5 } }, {}, 'Unknown timeout "stroe": did you mean "store"?'],
    [
      'a misspelt limit',
      { store: { memory: { maxEntry: 5 } } },
      {},
      'Unknown limit of the memory store, "maxEntry": did you mean "maxEntries"?',
    ],
    [
      'two places at once',
      { redis: 'redis://127.0.0.1', store: 'memory' },
      {},
      'Give one of redis and store: both say where entries are stored.',
    ],
    ['a bad default ttl', { ttl: 'soon' }, {}, /^ttl must be a positive number of seconds or a text like/],
    [
      'a default ttl over the longest',
      { ttl: '2h', maxTtl: '1h' },
      {},
      /^ttl is 7200 s, but no entry may live longer than 3600 s/,
    ],
    ['a bad deadline', { timeouts: { store: 0 } }, {}, /^timeouts\.store must be a positive number/],
    ['a bad jitter', { ttlJitter: 2 }, {}, 'ttlJitter must be a share from 0 to less than 1, not 2.'],
    ['a bad prefix', { keyPrefix: 'a b*' }, {}, /^keyPrefix may contain letters, digits/],
    [
      'a prefix that ends in a colon',
      { keyPrefix: 'shop:' },
      {},
      /^keyPrefix may contain letters, digits, .*, not at the end: write 'shop'\.$/,
    ],
    [
      'a variable that ends in a colon',
      {},
      { KEYEDCACHE_PREFIX: 'shop:' },
      /^KEYEDCACHE_PREFIX may contain .*, not at the end: write 'shop'\.$/,
    ],
    [
      'an empty prefix',
      { keyPrefix: '' },
      { KEYEDCACHE_PREFIX: 'shop' },
      "keyPrefix is an empty string: write a name like 'shop', or leave it out for the default.",
    ],
    [
      'an alias of the environment without backends',
      {},
      { KEYEDCACHE_ALIAS: 'x' },
      /^KEYEDCACHE_ALIAS: There is no backend "x": only the default one/,
    ],
    [
      'an unknown alias of the environment',
      { backends: { default: { store: 'memory' } } },
      { KEYEDCACHE_ALIAS: 'x' },
      'KEYEDCACHE_ALIAS: There is no backend "x". Known are "default".',
    ],
    [
      'no prefix in production',
      {},
      { REDIS_URL: 'redis://127.0.0.1:1', NODE_ENV: 'production' },
      /write keyPrefix: 'shop' or set KEYEDCACHE_PREFIX=shop\.$/,
    ],
    [
      'a bad URL',
      { redis: 'http://user:secret@host' },
      {},
      /^redis is not a URL that begins with redis:\/\/ or rediss:\/\/: write it like/,
    ],
    ['a database of a Cluster', { redis: 'redis+cluster://a,b/3' }, {}, /database/],
    [
      'an unknown alias',
      { backends: { default: { store: 'memory' }, catalog: { store: 'memory' } }, alias: 'catalogue' },
      {},
      'There is no backend "catalogue". Known are "default", "catalog".',
    ],
    ['an alias without backends', { alias: 'catalog' }, {}, /only the default one is configured/],
    ['a store that is none', { store: 5 }, {}, /^store must be 'memory'/],
    [
      'a bad switch',
      {},
      { KEYEDCACHE_ENABLED: 'maybe' },
      "KEYEDCACHE_ENABLED must be true or false, not 'maybe'.",
    ],
  ]
  for (const [name, options, env, message] of mistakes) {
    test(`refuse ${name} with a message that contains the right form`, () => {
      expect(() => resolveOptions(options, env)).toThrow(
        expect.objectContaining({
          name: 'ConfigurationError',
          code: 'ERR_KEYEDCACHE_CONFIGURATION',
          message: typeof message === 'string' ? message : expect.stringMatching(message),
        }),
      )
    })
  }
})

describe('Backends', () => {
  let server: RedisServer | undefined
  afterEach(() => server?.stop())

  test('are chosen by alias, or by the environment', async () => {
    server = await startRedis()
    const backends = { default: { store: 'memory' }, catalog: server.url } as const
    const inMemory = createCache({ backends })
    const inRedis = createCache({ backends, alias: 'catalog' })
    expect(inMemory.storeDescription).toBe('in-memory store')
    expect(inRedis.storeDescription).toBe(`redis 127.0.0.1:${server.port}/0`)
    await inMemory.set('a', 1)
    expect(await inRedis.has('a')).toBe(false)
    await inRedis.close()
    expect(resolveOptions({ backends }, { KEYEDCACHE_ALIAS: 'catalog' }).alias).toBe('catalog')
  })
})

describe('A custom store', () => {
  test('is used unchanged, with a deadline for each operation', async () => {
    const inner = new MemoryStore()
    const store = Object.assign(Object.create(inner) as MemoryStore, {
      read: () => new Promise<never>(() => {}),
      check: () => Promise.reject(new Error('disk full')),
    })
    const methods = Object.getOwnPropertyNames(MemoryStore.prototype) as (keyof MemoryStore)[]
    const bound = methods.flatMap((name) =>
      typeof inner[name] === 'function' ? [[name, (inner[name] as () => unknown).bind(inner)]] : [],
    )
    Object.setPrototypeOf(store, {
      ...Object.fromEntries(bound),
      description: 'a store of its own',
      shared: false,
    })
    const cache = createCache({ store, timeouts: { store: '50ms' }, logger: quiet })
    expect(await cache.set('a', 1)).toBe(true)
    expect(await cache.get('a')).toBeUndefined()
    expect(cache.processStats().totals.missesBy).toEqual({ 'store-down': 1 })
    await expect(cache.check()).rejects.toThrow('a store of its own is not responding: Error: disk full.')
  })
})
