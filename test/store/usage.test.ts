import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { startRedis } from '../helpers/redis.js'
import { useRedisStores } from './redis-stores.js'

const { redis, open } = useRedisStores()

test.each([
  ['allkeys-lru', '100mb', undefined],
  ['allkeys-random', '100mb', /evicts generations/],
  ['volatile-random', '100mb', /evicts generations/],
  ['allkeys-random', '0', undefined],
  ['noeviction', '100mb', undefined],
  ['noeviction', '1mb', /will refuse new values/],
])('the usage of a server with %s and a limit of %s', async (policy, limit, warning) => {
  await redis.admin.config('SET', 'maxmemory-policy', policy, 'maxmemory', limit)
  const usage = await open().usage()
  expect(usage).toMatchObject({ policy, usedBytes: expect.any(Number) })
  if (warning === undefined) expect(usage?.warning).toBeUndefined()
  else expect(usage?.warning).toMatch(warning)
})

test('the usage is unknown where the user may not read it, or the server has no INFO', async () => {
  await redis.admin.call('ACL', 'SETUSER', 'few', 'on', '>demo', '~*', '&*', '+@all', '-info')
  expect(await open({ redis: redis.server.url.replace('//', '//few:demo@') }).usage()).toBeUndefined()
  const own = await startRedis({ args: ['--rename-command', 'INFO', ''] })
  try {
    const options = { host: '127.0.0.1', port: own.port, enableReadyCheck: false }
    expect(await open({ redis: options }).usage()).toBeUndefined()
  } finally {
    await own.stop()
  }
})

test('the usage rejects where the server answers with an error', async () => {
  const own = await startRedis()
  const client = new Redis(own.url)
  try {
    const store = open({ redis: own.url })
    await store.check()
    await client.config('SET', 'requirepass', 'changed')
    await client.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await expect(store.usage()).rejects.toThrow(/NOAUTH|lost|closed/i)
  } finally {
    client.disconnect()
    await own.stop()
  }
})
