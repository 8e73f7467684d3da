import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import type { RedisTarget } from '../../src/store/redis/target.js'
import { type Certificate, makeCertificate } from '../helpers/certificate.js'
import { freePort } from '../helpers/ports.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { testRows } from '../helpers/rows.js'
import { type Sentinel, startSentinel } from '../helpers/sentinel.js'

const directory = mkdtempSync(join(tmpdir(), 'keyedcache-socket-'))
const socket = join(directory, 'redis.sock')
const NAME_AND_PASSWORD = 'shop:p%40ss%2Fword'
const user = { username: 'shop', password: 'p@ss/word' }

let certificate: Certificate
let tlsPort: number
let server: RedisServer
let sentinel: Sentinel
const caches: KeyedCache[] = []
const clients: Redis[] = []

beforeAll(async () => {
  certificate = makeCertificate()
  tlsPort = await freePort()
  server = await startRedis({
    args: [
      ...['--unixsocket', socket, ...certificate.redisArgs(tlsPort)],
      // The default user may only say where the server is in its life, as sentinels need it.
      ...['--user', 'default', 'on', 'nopass', '+@all', '~*', '&*'],
      ...['--user', 'shop', 'on', '>p@ss/word', '+@all', '~ways:*', '&*'],
    ],
  })
  sentinel = await startSentinel('my-master', server.port)
})

const closeAll = async () => {
  await Promise.all(caches.splice(0).map((cache) => cache.close()))
  for (const client of clients.splice(0)) client.disconnect()
}
afterEach(closeAll)
afterAll(async () => {
  await sentinel?.stop()
  await server?.stop()
  certificate?.remove()
  rmSync(directory, { recursive: true, force: true })
})

const client = (options: object) => {
  const opened = new Redis({ ...options, lazyConnect: true })
  clients.push(opened)
  return opened
}

const ways: [string, () => RedisTarget][] = [
  ['a URL with a user', () => `redis://${NAME_AND_PASSWORD}@127.0.0.1:${server.port}`],
  ['options with a user', () => ({ host: '127.0.0.1', port: server.port, ...user })],
  ['a URL with a name of a host', () => `redis://${NAME_AND_PASSWORD}@localhost:${server.port}`],
  ['a URL with a user and a database', () => `redis://${NAME_AND_PASSWORD}@127.0.0.1:${server.port}/2`],
  ['the path of a socket', () => socket],
  ['the path of a socket with a user', () => `${socket}?username=shop&password=p%40ss%2Fword&db=1`],
  ['options with a path', () => ({ path: socket, ...user })],
  ['a client of a socket', () => client({ path: socket, ...user, db: 1 })],
  ['options with TLS', () => ({ host: 'localhost', port: tlsPort, ...user, tls: { ca: certificate.pem } })],
  [
    'a client with TLS',
    () => client({ host: 'localhost', port: tlsPort, ...user, tls: { ca: certificate.pem } }),
  ],
  ['a URL of sentinels', () => `redis+sentinel://127.0.0.1:1,127.0.0.1:${sentinel.port}/my-master`],
  [
    'a URL of sentinels with a user and a database',
    () => `redis+sentinel://${NAME_AND_PASSWORD}@127.0.0.1:${sentinel.port}/my-master?db=2`,
  ],
  [
    'a client of sentinels',
    () => client({ sentinels: [{ host: '127.0.0.1', port: sentinel.port }], name: 'my-master', ...user }),
  ],
]

testRows(
  'a cache works with',
  ways,
  async (target) => {
    const cache = createCache({
      redis: target(),
      keyPrefix: 'ways',
      memory: {},
      timeouts: { store: '5s' },
      throwOnStoreError: true,
    })
    caches.push(cache)
    await cache.check()
    expect(await cache.set(['product', 1], 'Lamp', { ttl: '1h' })).toBe(true)
    expect(await cache.get(['product', 1])).toBe('Lamp')
    await expect.poll(() => cache.memoryUsage?.isServing, { timeout: 5_000 }).toBe(true)
    expect(await cache.delete('product', { children: true })).toBe(true)
    expect(await cache.get(['product', 1])).toBeUndefined()
  },
  { after: closeAll },
)

test('a certificate that is not trusted is the reason', async () => {
  const cache = createCache({
    redis: `rediss://localhost:${tlsPort}`,
    keyPrefix: 'ways',
    timeouts: { store: '5s' },
  })
  caches.push(cache)
  await expect(cache.check()).rejects.toMatchObject({
    code: 'ERR_KEYEDCACHE_NOT_RESPONDING',
    message: expect.stringMatching(/self.signed certificate/),
  })
})
