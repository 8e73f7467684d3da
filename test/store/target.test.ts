import Module from 'node:module'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { Cluster, Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { resolveOptions } from '../../src/options.js'
import { withoutArguments } from '../../src/store/redis/safe-error.js'
import { checkTarget } from '../../src/store/redis/target.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { named, testRows } from '../helpers/rows.js'

const SECRET = 's3cr3t'

/** Everything that an error could show, in its message or anywhere in it. */
const shownBy = (error: unknown) => inspect(error, { depth: 20, showHidden: true })

function failure(of: () => unknown): Error | undefined {
  try {
    of()
    return undefined
  } catch (error) {
    return error as Error
  }
}

function expectRefused(target: unknown, message: RegExp): void {
  for (const open of [
    () => createCache({ redis: target as never, logger: { warn() {} } }),
    () => resolveOptions({ backends: { default: { redis: target as never } } }, {}),
    ...(typeof target === 'string' && target !== '' ? [() => resolveOptions({}, { REDIS_URL: target })] : []),
  ]) {
    const error = failure(open)
    expect(error).toMatchObject({
      code: 'ERR_KEYEDCACHE_CONFIGURATION',
      message: expect.stringMatching(message),
    })
    expect(shownBy(error)).not.toContain(SECRET)
  }
}

describe('A URL', () => {
  const right = [
    'redis://127.0.0.1:6379/0',
    'rediss://host',
    'redis://host/',
    'redis://host:6380/15?family=6',
    'redis://:pw@host',
    'redis://user:pw@host:6379',
    'redis://user:p%40%3A%2F%23%25ss@host',
    'redis://:p@ss@host:6379',
    'redis://user@host',
    'redis://[::1]:6379/1',
    'redis://user:pw@[fe80::1]',
    'redis://host?enableOfflineQueue=true&keyPrefix=a:&commandTimeout=5&noDelay=false',
    'redis+cluster://a:7000,b:7001,[::1]:7002',
    'rediss+cluster://user:pw@a/',
    'redis+cluster://a?password=pw',
    'redis+sentinel://user:pw@a:26379,b/mymaster?db=2&sentinelPassword=pw',
    'rediss+sentinel://a/mymaster',
    '/run/redis.sock',
    '/run/redis.sock?db=2&password=pw',
  ]
  testRows('is accepted in each form', named(right), (url) => {
    expect(checkTarget(url)).toBe(url)
  })

  const wrong: [url: string, message: RegExp][] = [
    ['', /^redis.* is an empty string: write it like/],
    [`app:${SECRET}@host:6379`, /is not a URL that begins with redis:\/\/ or rediss:\/\/: write it like/],
    [`http://app:${SECRET}@host`, /is not a URL that begins with redis:/],
    [`REDIS://:${SECRET}@host`, /is not a URL that begins with redis:/],
    [`redis:app:${SECRET}@host`, /is not a URL that begins with redis:/],
    [`redis:/app:${SECRET}@host`, /is not a URL that begins with redis:/],
    [`//app:${SECRET}@host`, /is not a URL that begins with redis:/],
    [`${SECRET}`, /is not a URL/],
    ['6379', /is not a URL/],
    ['localhost:6379', /is not a URL/],
    [`unix://:${SECRET}@/run/redis.sock`, /is a URL of a Unix socket, which is given as its path/],
    [`redis://:${SECRET}#x@host`, /is a URL with a # in it/],
    [`redis://:x#${SECRET}@host:6379`, /is a URL with a # in it/],
    [`redis://:x/${SECRET}@host:6379`, /is a URL with a \/ or \? before its @/],
    [`redis://user:12/${SECRET}@host:6379`, /before its @/],
    [`redis://user:12?${SECRET}@host:6379`, /before its @/],
    [`redis://:100%${SECRET}@host`, /is a URL with a % that encodes no character/],
    [`redis://:${SECRET}%@host`, /is a URL with a % that encodes no character/],
    [`redis://:%ff${SECRET}@host`, /is a URL with a % that encodes no character/],
    [`redis://:my ${SECRET}@host`, /with a space or an invisible character/],
    [`redis://:${SECRET}@host\n`, /with a space or an invisible character/],
    [` redis://:${SECRET}@host`, /is not a URL/],
    [`redis://:${SECRET}@host:65536`, /invalid host or port/],
    [`redis://:${SECRET}@host:0`, /invalid host or port/],
    [`redis://:${SECRET}@host:port`, /invalid host or port/],
    [`redis://:${SECRET}@ho[st`, /invalid host or port/],
    [`redis://host:${SECRET}`, /invalid host or port/],
    [`redis://:${SECRET}@`, /without a host/],
    [`redis://:${SECRET}@:6379`, /without a host/],
    ['redis://', /without a host/],
    ['redis:///0', /without a host/],
    ['redis://:6379', /without a host/],
    [`redis://:${SECRET}@host/zero`, /path is not a database number/],
    [`redis://:${SECRET}@host/-1`, /path is not a database number/],
    [`redis://:${SECRET}@host/1.5`, /path is not a database number/],
    [`redis://:${SECRET}@host/0/1`, /path is not a database number/],
    [`redis+other://:${SECRET}@a,b`, /is not a URL that begins with redis:/],
    [`redis://:${SECRET}@a:1,b:2`, /with several hosts, which those of a Cluster or of sentinels have/],
    [`redis+cluster://:${SECRET}@a,b/1`, /of a Cluster with a database number/],
    [`redis+cluster://:${SECRET}@a,b?db=1`, /of a Cluster with a database number/],
    [`redis+cluster://:${SECRET}@a,,b`, /without a host/],
    [`redis+cluster://:${SECRET}@a,b:0`, /invalid host or port/],
    [`redis+cluster://:${SECRET}@`, /without a host/],
    [`redis+sentinel://:${SECRET}@a`, /without the name of their master/],
    [`redis+sentinel://:${SECRET}@a/`, /without the name of their master/],
    [`redis+sentinel://:${SECRET}@a/m/0`, /without the name of their master/],
    [`redis://host?pasword=${SECRET}`, /option 1 of its query is unknown, or cannot be given in a URL/],
    [`redis://host?db=1&${SECRET}=1`, /option 2 of its query is unknown/],
    [`redis://host?db=${SECRET}`, /option 1 of its query is not a whole number/],
    [`redis://host?noDelay=${SECRET}`, /option 1 of its query is not true or false/],
    [`redis://host?password=${SECRET}&tls=true`, /tls in its query: it begins with rediss:/],
    [`redis://host?password=${SECRET}&host=other`, /option 2 of its query is unknown/],
    [`redis://host?password=${SECRET}&retryStrategy=1`, /option 2 of its query is unknown/],
    [`redis://host?password=${SECRET}&role=slave`, /a role other than "master": a cache writes/],
    [`redis://host?password=${SECRET}&readOnly=true`, /has readOnly: a cache writes/],
    [`/run/redis.sock?password=${SECRET}&monitor=true`, /has monitor: /],
  ]
  const urls = named(wrong, ([url]) => JSON.stringify(url))
  testRows('is refused when wrong, with a message that does not contain it', urls, ([url, message]) => {
    expectRefused(url, message)
  })

  test('is refused with a message that contains the right form', () => {
    expect(failure(() => resolveOptions({}, { REDIS_URL: 'redis://:a#b@host' }))?.message).toBe(
      "REDIS_URL is a URL with a # in it: write it like 'redis://user:password@host:6379/0'. In user and password each of @ : / ? # [ ] % and space is percent-encoded, as encodeURIComponent(password) does.",
    )
  })

  test('is accepted with any encoded password, and an unencoded one is never shown', () => {
    const password = fc.string({ minLength: 12, unit: 'binary' })
    fc.assert(
      fc.property(password, fc.string({ unit: 'binary' }), (text, user) => {
        const encode = (part: string) => encodeURIComponent(part.toWellFormed())
        const url = `redis://${encode(user)}:${encode(text)}@host:6379/3`
        expect(checkTarget(url)).toBe(url)
        const raw = failure(() => checkTarget(`redis://${user}:${text}@host:6379/3`))
        if (raw) expect(raw).toMatchObject({ name: 'ConfigurationError' })
        expect(raw?.message ?? '').not.toContain(text)
        expect(failure(() => checkTarget(`${user}:${text}@host`))?.message).not.toContain(text)
      }),
    )
  })
})

describe('Options of ioredis', () => {
  const right: object[] = [
    { host: 'redis.example.com' },
    { host: '127.0.0.1', port: 6380, db: 3, username: 'app', password: 'pw', tls: {} },
    { host: '127.0.0.1', port: '6380', db: '3' },
    { host: '::1', family: 6, keyPrefix: 'app:', connectTimeout: 500, maxRetriesPerRequest: null },
    { path: '/run/redis.sock' },
    { sentinels: [{ host: 'a', port: 26379 }], name: 'mymaster', sentinelPassword: 'pw' },
    { host: 'a', sentinels: null, name: null, connectionName: null, protocol: 2 },
    { host: 'a', password: () => 'token' },
    { host: 'a', role: 'master', readOnly: false, enableOfflineQueue: true, maxRetriesPerRequest: null },
    { cluster: ['redis://a:7000', 'redis://[::1]', { host: 'b' }, { host: 'c', port: '7001' }] },
    { cluster: ['redis://a'], redisOptions: { username: 'app', password: () => 'token', tls: {}, db: 0 } },
    { cluster: ['redis://a'], natMap: { '10.0.0.1:6379': { host: 'a', port: 7000 } } },
    { cluster: ['redis://a'], natMap: () => null },
  ]
  testRows('are accepted', named(right), (options) => {
    expect(checkTarget(options)).toEqual(options)
  })

  test('may be the spread options of a client', () => {
    const client = new Redis('redis://host:1/2', { lazyConnect: true })
    expect(checkTarget({ ...client.options })).toMatchObject({ host: 'host', db: 2 })
    expect(checkTarget(client)).toBe(client)
  })

  test('may be an instance of a class', () => {
    class Settings {
      get host() {
        return 'redis.example.com'
      }
      readonly port = 6380
    }
    expect(checkTarget(new Settings())).toEqual({ host: 'redis.example.com', port: 6380 })
    const cache = createCache({ redis: new Settings() })
    expect(cache.storeDescription).toBe('redis redis.example.com:6380/0')
    return cache.close()
  })

  const password = SECRET
  const wrong: [name: string, target: unknown, message: RegExp][] = [
    [
      'nothing',
      {},
      /none of host, path and sentinels.*write host: '127\.0\.0\.1' for a server on this machine/,
    ],
    ['a host that is not set', { host: undefined, port: 6379, password }, /none of host, path and sentinels/],
    ['only a port', { port: 6380, password }, /none of host, path and sentinels/],
    ['another word for host', { hostname: 'redis', password }, /Unknown option of redis.*, "hostname"/],
    ['a misspelt option', { host: 'a', pasword: SECRET }, /"pasword": did you mean "password"\?/],
    ['a URL in an object', { url: `redis://:${SECRET}@host` }, /takes a URL itself, not \{ url \}/],
    [
      'node-redis’s options',
      { socket: { host: 'a' }, password },
      /not those of node-redis: write host and port/,
    ],
    ['a URL as the host', { host: `redis://:${SECRET}@host` }, /has an invalid host/],
    ['a host with a user', { host: `${SECRET}@host` }, /has an invalid host/],
    ['an empty host', { host: '' }, /has an invalid host/],
    ['a port out of range', { host: 'a', port: 65536 }, /has an invalid port/],
    ['a port that is NaN', { host: 'a', port: Number.NaN }, /has an invalid port/],
    ['a db below 0', { host: 'a', db: -1 }, /has an invalid db/],
    ['a db that is a text', { host: 'a', db: 'zero' }, /has an invalid db/],
    ['a path that is none', { path: '' }, /has a path that is not a string/],
    ['no sentinels', { sentinels: [], name: 'm' }, /has invalid sentinels: give at least one/],
    [
      'sentinels without a name',
      { sentinels: [{ host: 'a' }], sentinelPassword: SECRET },
      /the name of their/,
    ],
    ['a number', 5, /must not be a number: write a URL like/],
    ['true', true, /must not be a boolean/],
    ['null', null, /must not be null/],
    ['a function', () => {}, /must not be a function or a class/],
    ['the class', Redis, /must not be a function or a class/],
    ['an array', [{ host: 'a' }], /must not be an array/],
    ['a promise', Promise.resolve(`redis://:${SECRET}@a`), /must not be a promise: await it first/],
    ['a Set', new Set(['host']), /must be an object, not a Set/],
    ['a URL object', new URL(`redis://:${SECRET}@host`), /must not be a URL object: write url\.href/],
    [
      'a client of node-redis',
      { isOpen: true, options: { password }, connect() {}, get() {}, sendCommand() {}, duplicate() {} },
      /must not be a client of node-redis/,
    ],
    [
      'what only resembles ioredis',
      { connected: true, options: { password }, get() {}, set() {}, pipeline() {}, disconnect() {} },
      /of another package, or one that only resembles ioredis/,
    ],
    ['what only resembles a cluster', { isCluster: true, password }, /of another package, or one that only/],
    [
      'a role that takes no writes',
      { host: 'a', role: 'slave' },
      /a role other than "master": a cache writes/,
    ],
    ['a connection that only reads', { host: 'a', readOnly: true }, /has readOnly: a cache writes/],
    ['a connection that monitors', { host: 'a', monitor: true }, /has monitor: a connection that monitors/],
    ['a password that is a number', { host: 'a', password: 5 }, /neither a string nor a function/],
    [
      'a function of options',
      () => ({ host: 'a' }),
      /for a password that changes give \{ host, password: \(\) => /,
    ],
    ['node-redis’s options of a cluster', { rootNodes: [{ url: SECRET }] }, /not those of node-redis/],
    ['a cluster without nodes', { cluster: [] }, /no nodes in cluster: write \{ cluster: \[/],
    ['a cluster that is a text', { cluster: `redis://:${SECRET}@a` }, /no nodes in cluster/],
    ['a node that is a port', { cluster: [7000] }, /a node of cluster without a host/],
    ['a node without a host', { cluster: [{ port: 7000 }] }, /a node of cluster without a host/],
    ['a node with a password', { cluster: [{ host: 'a', password }] }, /more than host and port/],
    [
      'a node with a password in its URL',
      { cluster: [`redis://:${SECRET}@a`] },
      /more than a host and a port/,
    ],
    ['a node with TLS in its URL', { cluster: ['rediss://a'] }, /more than a host and a port/],
    ['a node that is no URL', { cluster: [`${SECRET}:6379`] }, /A node of redis.* is not a URL/],
    ['a node with a wrong port', { cluster: [{ host: 'a', port: 0 }] }, /an invalid port in cluster/],
    ['a node with a wrong host', { cluster: [{ host: `${SECRET}@a` }] }, /an invalid host in cluster/],
    ['a cluster with a db', { cluster: ['redis://a'], redisOptions: { db: 1 } }, /a db other than 0/],
    ['a cluster with a host', { cluster: ['redis://a'], host: 'b' }, /Unknown option of redis, "host"/],
    ['a host for all nodes', { cluster: ['redis://a'], redisOptions: { host: 'b' } }, /host in redisOptions/],
    [
      'a cluster that only reads',
      { cluster: ['redis://a'], redisOptions: { readOnly: true } },
      /has readOnly/,
    ],
    ['a natMap that is a text', { cluster: ['redis://a'], natMap: 'a' }, /an invalid natMap/],
    [
      'a client of a cluster with a db',
      new Cluster([{ host: 'a' }], { lazyConnect: true, redisOptions: { db: 2 } }),
      /a db other than 0, and a Cluster has database 0 only/,
    ],
  ]
  const targets = wrong.map(([name, ...rest]) => [name, rest] as const)
  testRows('are refused when wrong, with a message that explains it', targets, ([target, message]) => {
    expectRefused(target, message)
  })
})

describe('A password', () => {
  let server: RedisServer
  const caches: KeyedCache[] = []
  beforeAll(async () => {
    server = await startRedis({ args: ['--requirepass', 'right'] })
  })
  const closeAll = () => Promise.all(caches.splice(0).map((cache) => cache.close()))
  afterEach(closeAll)
  afterAll(() => server.stop())

  const places: [string, (port: number) => object | string][] = [
    ['of a URL', (port) => `redis://:${SECRET}@127.0.0.1:${port}`],
    ['with a user', (port) => `redis://app:${SECRET}@127.0.0.1:${port}/0`],
    ['of options', (port) => ({ host: '127.0.0.1', port, password: SECRET })],
    ['of a client', (port) => new Redis({ host: '127.0.0.1', port, password: SECRET, lazyConnect: true })],
    ['in the query', (port) => `redis://127.0.0.1:${port}?password=${SECRET}`],
    [
      'of sentinels',
      (port) => ({ sentinels: [{ host: '127.0.0.1', port }], name: 'm', sentinelPassword: SECRET }),
    ],
    ['of a server that is away', () => `redis://:${SECRET}@127.0.0.1:1`],
    ['of a socket that is not there', () => `/run/none.sock?password=${SECRET}`],
  ]
  testRows(
    'is shown by no error, warning or inspection',
    places,
    async (target) => {
      const warnings: string[] = []
      const cache = createCache({
        redis: target(server.port) as never,
        keyPrefix: 'secrets',
        memory: {},
        logger: { warn: (message) => void warnings.push(message) },
      })
      caches.push(cache)
      await cache.get('a')
      await cache.set('a', 1)
      const errors = await Promise.allSettled([cache.check(), cache.stats(), cache.usage(), cache.list({})])
      expect(errors.map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
      expect(warnings.join()).toContain('is not responding')
      for (const shown of [
        errors,
        warnings,
        cache,
        cache.storeDescription,
        JSON.stringify(cache),
        String(cache),
      ]) {
        expect(shownBy(shown)).not.toContain(SECRET)
      }
    },
    { after: closeAll },
  )

  test('is not quoted when the server does not know the command', async () => {
    const renamed = await startRedis({
      args: ['--requirepass', 'right', '--rename-command', 'AUTH', 'LOGIN'],
    })
    const cache = createCache({
      redis: `redis://:${SECRET}@127.0.0.1:${renamed.port}`,
      keyPrefix: 'secrets',
      logger: { warn() {} },
    })
    const error = await cache.check().catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'ERR_KEYEDCACHE_NOT_RESPONDING' })
    expect(shownBy(error)).not.toContain(SECRET)
    await cache.close()
    await renamed.stop()
  })

  test('is removed with the arguments of a failed command, at any depth of the error', () => {
    const reply = Object.assign(
      new Error(`ERR unknown command 'AUTH', with args beginning with: '${SECRET}' `),
      {
        name: 'ReplyError',
        command: { name: 'auth', args: [SECRET] },
        previousErrors: [SECRET],
      },
    )
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', port: 1 })
    const all = new AggregateError([refused, reply], 'all failed', { cause: SECRET })
    const clean = withoutArguments(new Error('outer', { cause: all })) as Error
    expect(clean).toMatchObject({
      message: 'outer',
      cause: {
        message: 'all failed',
        errors: [
          { message: 'connect ECONNREFUSED', code: 'ECONNREFUSED', port: 1 },
          { name: 'ReplyError', message: "ERR unknown command 'AUTH'", command: { name: 'auth' } },
        ],
      },
    })
    expect((clean.cause as AggregateError).errors[1].stack).toContain('target.test.ts')
    expect(shownBy(clean)).not.toContain(SECRET)
    expect(withoutArguments('text')).toBe('text')
  })
})

test('An ioredis that cannot be loaded is the error, with its reason, and not the options', () => {
  const loader = Module as unknown as { _load(request: string): unknown }
  const loading = vi.spyOn(loader, '_load').mockImplementation((request) => {
    // As esbuild has it in an ES module without a require.
    throw new Error(`Dynamic require of "${request}" is not supported`)
  })
  const error = failure(() => createCache({ redis: 'redis://127.0.0.1:1', keyPrefix: 'shop' }))
  loading.mockRestore()
  expect(error).toMatchObject({
    code: 'ERR_KEYEDCACHE_CONFIGURATION',
    message: expect.stringMatching(
      /ioredis, and loading it has failed: Dynamic require of .* needs a require: /,
    ),
    cause: expect.objectContaining({ message: expect.stringContaining('Dynamic require') }),
  })
})
