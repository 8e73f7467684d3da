import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { internalsOf, type KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { keyedCache } from '../../src/express/middleware.js'
import { CachedObject } from '../../src/model/cached-object.js'
import { testRows } from '../helpers/rows.js'

/** A function that takes options, options that are right, and a misspelling of one of their names. */
interface Taker {
  take(options: unknown): unknown
  readonly right: object
  readonly misspelt: readonly [name: string, meant: string]
}

let cache: KeyedCache
beforeAll(() => {
  cache = createCache({ store: 'memory' })
})
afterAll(() => cache.close())

const model = () => {
  class Product extends CachedObject(undefined, { cache, name: 'product' }) {
    readonly id = 1
  }
  vi.stubEnv('NODE_ENV', 'test')
  return Product
}

const open = async (options: object) => {
  await createCache(options as never).close()
}

const TAKERS: Record<string, Taker> = {
  get: {
    take: (o) => cache.get('a', o as never),
    right: { default: null },
    misspelt: ['defualt', 'default'],
  },
  getMany: {
    take: (o) => cache.getMany(['a'], o as never),
    right: { default: 0 },
    misspelt: ['defualt', 'default'],
  },
  set: {
    take: (o) => cache.set('a', 1, o as never),
    right: { ttl: '5s', grace: false, overwrite: true },
    misspelt: ['TTL', 'ttl'],
  },
  setMany: {
    take: (o) => cache.setMany([['a', 1]], o as never),
    right: { ttl: 5 },
    misspelt: ['overwrit', 'overwrite'],
  },
  delete: {
    take: (o) => cache.delete('x', o as never),
    right: { children: true },
    misspelt: ['child', 'children'],
  },
  deleteMany: {
    take: (o) => cache.deleteMany(['x'], o as never),
    right: { children: false },
    misspelt: ['childen', 'children'],
  },
  deleteOutcome: {
    take: (o) => internalsOf(cache).deleteOutcome('x', o as never),
    right: { children: true },
    misspelt: ['Children', 'children'],
  },
  expire: {
    take: (o) => cache.expire('x', o as never),
    right: { children: true },
    misspelt: ['chlidren', 'children'],
  },
  getOrSet: {
    take: (o) => cache.getOrSet('g', () => 1, o as never),
    right: { ttl: 5, grace: '1m', errorTtl: undefined },
    misspelt: ['graze', 'grace'],
  },
  getOrSetMany: {
    take: (o) => cache.getOrSetMany(['g'], (keys) => keys.map(() => 1), o as never),
    right: { hardTimeout: 500 },
    misspelt: ['hardTimeOut', 'hardTimeout'],
  },
  cached: {
    take: (o) => cache.cached(named, o as never),
    right: { name: 'named', keyOf: () => ['x'] },
    misspelt: ['keyof', 'keyOf'],
  },
  list: { take: (o) => cache.list(o as never), right: { scan: 5 }, misspelt: ['match', 'matches'] },
  createCache: {
    take: (o) => open(o as object),
    right: { store: 'memory', stats: false },
    misspelt: ['keyprefix', 'keyPrefix'],
  },
  timeouts: {
    take: (o) => open({ store: 'memory', timeouts: o }),
    right: { lease: '5s' },
    misspelt: ['leese', 'lease'],
  },
  memory: {
    take: (o) => open({ store: 'memory', memory: o }),
    right: { maxEntries: 5 },
    misspelt: ['maxentries', 'maxEntries'],
  },
  store: {
    take: (o) => open({ store: o }),
    right: { memory: {} },
    // Whatever else it has: without `memory` it is a store.
    misspelt: ['memory', ''],
  },
  'store.memory': {
    take: (o) => open({ store: { memory: o } }),
    right: { maxBytes: 500 },
    misspelt: ['maxByte', 'maxBytes'],
  },
  requestLog: {
    take: (o) => open({ store: 'memory', requestLog: o }),
    right: { sample: 0.5 },
    misspelt: ['samples', 'sample'],
  },
  earlyRefresh: {
    take: (o) => open({ store: 'memory', earlyRefresh: o }),
    right: { beta: 1 },
    misspelt: ['betta', 'beta'],
  },
  backend: {
    take: (o) => open({ backends: { default: o } }),
    right: { store: 'memory' },
    misspelt: ['stor', 'store'],
  },
  keyedCache: {
    take: (o) => keyedCache(o as never).close(),
    right: { store: 'memory', dashboard: false },
    misspelt: ['dashbord', 'dashboard'],
  },
  'keyedCache of a cache': {
    take: (o) => keyedCache(cache, o as never),
    right: { staffHeaders: false },
    misspelt: ['staffheaders', 'staffHeaders'],
  },
  dashboard: {
    take: (o) => keyedCache(cache, { dashboard: o as never }),
    right: { readOnly: true, origins: [] },
    misspelt: ['readonly', 'readOnly'],
  },
  'handler.dashboard': {
    take: (o) => keyedCache(cache).dashboard(o as never),
    right: { hideValues: true },
    misspelt: ['hidevalues', 'hideValues'],
  },
  csrf: {
    take: (o) => keyedCache(cache, { dashboard: { csrf: o as never } }),
    right: { token: () => '', verify: () => true },
    misspelt: ['tokens', 'token'],
  },
  CachedObject: {
    take: (o) => CachedObject(undefined, o as never),
    right: { ttl: '1h' },
    misspelt: ['tll', 'ttl'],
  },
  findCached: {
    take: (o) => model().findCached(1, () => undefined, o as never),
    right: { validate: () => true },
    misspelt: ['validat', 'validate'],
  },
  cacheSet: {
    take: (o) => new (model())().cacheSet(o as never),
    right: { ttl: 5 },
    misspelt: ['tll', 'ttl'],
  },
  cacheReset: {
    take: (o) => new (model())().cacheReset(o as never),
    right: { ttl: 5 },
    misspelt: ['overwite', 'overwrite'],
  },
  cacheDelete: {
    take: (o) => new (model())().cacheDelete(o as never),
    right: { children: false },
    misspelt: ['childrens', 'children'],
  },
}

function named() {
  return 1
}

/** The error that is thrown or rejected with, if any. */
async function failure(of: () => unknown): Promise<unknown> {
  try {
    await of()
  } catch (error) {
    return error
  }
  return undefined
}

const refused = (message: RegExp) =>
  expect.objectContaining({ name: 'ConfigurationError', message: expect.stringMatching(message) })

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

describe('An object of options', () => {
  const rows = Object.entries(TAKERS)

  testRows(
    'is accepted, also as an instance of a class, frozen, without a prototype, or with undefined',
    rows,
    async ({ take, right }, name) => {
      const inherited = Object.create(right, { unrelated: { value: 1, enumerable: false } })
      const bare = Object.assign(Object.create(null), right)
      for (const options of [right, Object.freeze({ ...right }), bare, inherited]) {
        expect(await failure(() => take(options))).toBeUndefined()
      }
      // CsrfHook needs both of its functions.
      if (
        name !== 'csrf' &&
        name !== 'requestLog' &&
        name !== 'earlyRefresh' &&
        name !== 'backend' &&
        name !== 'store'
      ) {
        const undefineds = Object.fromEntries(Object.keys(right).map((key) => [key, undefined]))
        const kept = name === 'cached' ? { ...undefineds, name: 'named' } : undefineds
        expect(await failure(() => take(kept))).toBeUndefined()
      }
    },
  )

  testRows(
    'with an unknown name is refused, with the nearest known one',
    rows,
    async ({ take, right, misspelt }) => {
      const [wrong, meant] = misspelt
      if (meant === '') return
      const error = await failure(() => take({ ...right, [wrong]: undefined }))
      expect(error).toEqual(refused(new RegExp(`"${wrong}": did you mean "${meant}"\\?`)))
      const far = await failure(() => take({ ...right, somethingElseAltogether: 1 }))
      expect(far).toEqual(refused(/"somethingElseAltogether"\. Known are /))
    },
  )

  testRows('must be an object that can be read', rows, async ({ take, right }, name) => {
    const throwing = Object.defineProperty({ ...right }, Object.keys(right)[0] as string, {
      enumerable: true,
      get: () => {
        throw new TypeError('not today')
      },
    })
    const wrong = [null, [], 'text', 5, 1n, Symbol('s'), () => {}, new Map(), new Date(), Promise.resolve()]
    for (const options of [...wrong, revoked(), throwing]) {
      // A text, or a function, is something else to some of them.
      const error = await failure(() => take(options))
      if (typeof options === 'string' && name === 'backend') continue
      expect(error, `${name}: ${typeof options}`).toEqual(refused(/./))
    }
    const error = await failure(() => take(throwing))
    expect(error).toMatchObject({ name: 'ConfigurationError', cause: { message: 'not today' } })
  })
})

describe('A boolean option', () => {
  const boolean: Record<string, (value: unknown) => unknown> = {
    'children of delete': (children) => cache.delete('tree', { children } as never),
    'children of deleteMany': (children) => cache.deleteMany(['tree'], { children } as never),
    'children of expire': (children) => cache.expire('tree', { children } as never),
    'children of cacheDelete': (children) => new (model())().cacheDelete({ children } as never),
    'overwrite of set': (overwrite) => cache.set('a', 1, { overwrite } as never),
    stats: (stats) => open({ store: 'memory', stats }),
    requestMemory: (requestMemory) => open({ store: 'memory', requestMemory }),
    throwOnStoreError: (throwOnStoreError) => open({ store: 'memory', throwOnStoreError }),
    enabled: (enabled) => open({ store: 'memory', enabled }),
    staffHeaders: (staffHeaders) => keyedCache(cache, { staffHeaders } as never),
    readOnly: (readOnly) => keyedCache(cache, { dashboard: { readOnly } } as never),
    hideValues: (hideValues) => keyedCache(cache, { dashboard: { hideValues } } as never),
    'enable(state)': (state) => cache.enable(state as never),
  }
  testRows('refuses every other value', Object.entries(boolean), async (give) => {
    for (const value of ['no', 'false', '', 0, 1, null, {}, []]) {
      expect(await failure(() => give(value)), String(value)).toEqual(refused(/must be true or false, not /))
    }
  })

  test('the string "no" for children is refused, and deletes no tree', async () => {
    await cache.set(['tree', 'leaf'], 1)
    await expect(cache.delete('tree', { children: 'no' } as never)).rejects.toThrow(
      'children of delete must be true or false, not "no".',
    )
    expect(await cache.get(['tree', 'leaf'])).toBe(1)
    expect(cache.enabled).toBe(true)
  })
})

describe('A wrong argument', () => {
  const wrong: [name: string, call: () => unknown, message: RegExp][] = [
    [
      'a limit of events',
      () => cache.events('10' as never),
      /limit of events\(limit\) must be a number, not "10"/,
    ],
    ['a limit of requests', () => cache.requests({} as never), /limit of requests\(limit\)/],
    ['null for a limit', () => cache.events(null as never), /limit of events/],
    ['null for a model’s cache', () => CachedObject({ cache: null as never }), /cache must not be null/],
    ['null for a name', () => cache.cached(named, { name: null as never }), /name must not be null/],
    ['a resolution', () => cache.history('hourly' as never), /takes 'fine' or 'coarse', not "hourly"/],
    ['an inherited resolution', () => cache.history('toString' as never), /takes 'fine' or 'coarse'/],
    ['a job', () => cache.withRequestMemory(5 as never), /job of withRequestMemory must be a function/],
    ['a key for keys', () => cache.getMany('product::1' as never), /getMany\(\) takes an array.*of keys/],
    ['one key to delete', () => cache.deleteMany('a' as never), /deleteMany\(\) takes an array/],
    ['keys to compute', () => cache.getOrSetMany('ab' as never, () => []), /getOrSetMany\(\) takes an array/],
    ['no keys', () => cache.getMany(null as never), /getMany\(\) takes an array/],
    ['an object of entries', () => cache.setMany({ a: 1 } as never), /setMany\(\) takes an array/],
    ['an entry with options', () => cache.setMany([['a', 1, {}]] as never), /pairs \[key, value\]/],
    ['entries that are texts', () => cache.setMany(['ab'] as never), /pairs \[key, value\]/],
    ['a revoked proxy of keys', () => cache.getMany(revoked() as never), /getMany\(\) takes an array/],
    [
      'parts for get',
      () => cache.get('product', '1' as never),
      /not a string: a key of several parts is one/,
    ],
    ['parts for delete', () => cache.delete('product', 1 as never), /array, \['product', '1'\]\.$/],
    ['parts for expire', () => cache.expire('product', 1 as never), /a key of several parts is one array/],
    ['a lifetime for set', () => cache.set('a', 1, 60 as never), /not a number: write \{ ttl: 60 \}\.$/],
    ['a text for set', () => cache.set('a', 1, '1h' as never), /not a string: write \{ ttl: '1h' \}\.$/],
    ['another text for set', () => cache.set('a', 1, 'hunter2' as never), /not a string\.$/],
    ['a lifetime to compute', () => cache.getOrSet('a', () => 1, 60 as never), /write \{ ttl: 60 \}\.$/],
    ['a lifetime of a function', () => cache.cached(named, 60 as never), /write \{ ttl: 60 \}\.$/],
    [
      'a timeout to compute',
      () => cache.getOrSet('a', () => 1, { timeout: 5 } as never),
      /"timeout": did you mean "hardTimeout" or "softTimeout"\?$/,
    ],
    [
      'options before the factory',
      () => cache.getOrSet('a', { ttl: 5 } as never, (() => 1) as never),
      /^The factory comes second, the options third/,
    ],
    [
      'options before the factory of many',
      () => cache.getOrSetMany(['a'], {} as never, (() => []) as never),
      /^The factory comes second, the options third/,
    ],
    [
      'a promise to compute',
      () => cache.getOrSet('a', Promise.resolve(1) as never),
      /not an instance of Promise: pass \(\) => …\.$/,
    ],
    [
      'a promise to wrap',
      () => cache.cached(Promise.resolve(1) as never),
      /^cached\(\) takes a function, not an instance of Promise: pass \(\) => …\.$/,
    ],
    [
      'an option of the dashboard',
      () => keyedCache({ isStaff: () => true } as never),
      /^Unknown option "isStaff": isStaff belongs in dashboard: \{ isStaff \}\.$/,
    ],
    [
      'another, after a cache',
      () => keyedCache(cache, { loginUrl: '/login' } as never),
      /loginUrl belongs in dashboard: \{ loginUrl \}\.$/,
    ],
    [
      'a middleware as the cache',
      () => keyedCache(keyedCache(cache, { dashboard: false }) as never),
      /that is the middleware: pass its \.cache\.$/,
    ],
    ['two objects of options', () => keyedCache({} as never, { dashboard: false }), /only after a cache/],
    [
      'a dashboard that is true',
      () => keyedCache({ store: 'memory', dashboard: true as never }),
      /leave it out/,
    ],
    ['a logger without warn', () => open({ store: 'memory', logger: {} }), /logger must have a method warn/],
    ['a revoked logger', () => open({ store: 'memory', logger: revoked() }), /cannot be used/],
    [
      'a store without methods',
      () => open({ store: { read() {} } }),
      /lacks methods of the store interface: obs/,
    ],
    ['a bare object as ttl', () => cache.set('a', 1, { ttl: Object.create(null) }), /^ttl must be/],
    ['a symbol as ttl', () => cache.set('a', 1, { ttl: Symbol('s') as never }), /^ttl must be/],
    ['a prefix that is an address', () => open({ keyPrefix: 'redis://:pw@host' }), /not '…'\.$/],
    ['an alias that is an address', () => open({ alias: 'redis://:pw@host' }), /no backend "…"/],
    [
      'a list of names for redact',
      () => keyedCache(cache, { dashboard: { redact: 'pin' as never } }),
      /redact/,
    ],
    [
      'a misspelt list',
      () => keyedCache(cache, { dashboard: { redact: { onyl: [] } as never } }),
      /"only"\?/,
    ],
    [
      'one origin',
      () => keyedCache(cache, { dashboard: { origins: 'x' as never } }),
      /origins must be an array/,
    ],
    ['an origin', () => keyedCache(cache, { dashboard: { origins: [5 as never] } }), /origins contains 5/],
    ['backends in a list', () => open({ backends: ['redis://a'] }), /backends must be an object of names/],
    ['an empty backend', () => open({ backends: { default: {} } }), /must have either redis or store/],
    [
      'an unset backend',
      () => open({ backends: { default: { redis: undefined } } }),
      /either redis or store/,
    ],
    ['no backend', () => open({ backends: { default: undefined } }), /Its value is undefined/],
    [
      'two in one',
      () => open({ backends: { default: { redis: 'redis://a', store: 'memory' } } }),
      /has both/,
    ],
    ['null for a TTL', () => open({ store: 'memory', ttl: null }), /^ttl must not be null: leave it out\.$/],
    ['null for a store', () => open({ store: null }), /^store must not be null/],
  ]
  const rows = wrong.map(([name, ...rest]) => [name, rest] as const)
  testRows('is refused with a message that explains it', rows, async ([call, message]) => {
    expect(await failure(call)).toEqual(refused(message))
  })
})
