import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { type RedisServer, startRedis } from './redis.js'

/** A redis-server of a test file, and a client of it that the cache knows nothing of. */
export interface TestRedis {
  readonly server: RedisServer
  readonly admin: Redis
}

/** Starts a server before the tests of a file and stops it after them. With `emptied` each test finds it empty. */
export function useRedis({ emptied = false } = {}): TestRedis {
  let server: RedisServer
  let admin: Redis
  beforeAll(async () => {
    server = await startRedis()
    admin = new Redis(server.url)
  })
  afterAll(async () => {
    admin?.disconnect()
    await server?.stop()
  })
  if (emptied) beforeEach(() => admin.flushall())
  return {
    get server() {
      return server
    },
    get admin() {
      return admin
    },
  }
}
