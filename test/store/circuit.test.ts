import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { ignore } from '../../src/background.js'
import type { Command } from '../../src/store/redis/command.js'
import { Connection } from '../../src/store/redis/connection.js'
import type { RedisStore } from '../../src/store/redis/redis-store.js'
import { startProxy } from '../helpers/proxy.js'
import { startRedis } from '../helpers/redis.js'
import { connected, key, useRedisStores } from './redis-stores.js'
import { bulk, type ScriptedRedis, SILENCE, startScriptedRedis, type Trickle } from './scripted-redis.js'

const { redis: shared, open } = useRedisStores()

const OPEN = /calls fail at once until it responds\.$/

const breakerOf = ({ health }: RedisStore) => health.breakers[0]!

/** Reads in ticks of their own, which travel in requests of their own. */
async function readEach(store: RedisStore, count: number): Promise<PromiseSettledResult<unknown>[]> {
  const reading: Promise<unknown>[] = []
  for (let n = 0; n < count; n++) {
    const read = store.read(key(['a', n]))
    read.catch(ignore)
    reading.push(read)
    await new Promise(setImmediate)
  }
  return await Promise.allSettled(reading)
}

describe('The circuit breaker of a connection', () => {
  test('opens when the server is silent, and closes as soon as a late answer arrives', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, timeoutMs: 500 })
      await connected(store)
      own.freeze()
      const [, , third] = await readEach(store, 3)
      expect(breakerOf(store)).toMatchObject({
        state: 'open',
        openings: 1,
        failure: expect.stringMatching(/no answer in time/),
      })
      const refused = store.read(key('a'))
      await expect(refused).rejects.toThrow(OPEN)
      await expect(refused).rejects.toMatchObject({
        code: 'ERR_KEYEDCACHE_NOT_RESPONDING',
        cause: (third as PromiseRejectedResult).reason,
      })
      // The pauses of the probes have grown to a second.
      await pause(1_700)
      own.thaw()
      await vi.waitFor(() => expect(breakerOf(store).state).toBe('closed'), { timeout: 5_000, interval: 5 })
      await store.read(key('a'))
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('opens when there is no connection, and closes when there is one', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, timeoutMs: 500 })
      await connected(store)
      await own.kill()
      await vi.waitFor(() => expect(store.read(key('a'))).rejects.toThrow(OPEN), {
        timeout: 5_000,
        interval: 1,
      })
      await own.restart()
      await vi.waitFor(() => expect(breakerOf(store).state).toBe('closed'), { timeout: 5_000, interval: 20 })
    } finally {
      await own.stop()
    }
  })

  test('closes on a new connection, where no answer ever arrives on the old one', async () => {
    const proxy = await startProxy(shared.server.port)
    try {
      const store = open({ redis: proxy.url, timeoutMs: 250 })
      await connected(store)
      proxy.silence()
      await readEach(store, 3)
      expect(breakerOf(store).state).toBe('open')
      await vi.waitFor(() => expect(breakerOf(store).state).toBe('closed'), { timeout: 11_000, interval: 20 })
    } finally {
      await proxy.stop()
    }
  })

  test('is passed by a check', async () => {
    const own = await startRedis()
    try {
      const store = open({ redis: own.url, timeoutMs: 250 })
      await connected(store)
      own.freeze()
      await readEach(store, 3)
      await expect(store.read(key('a'))).rejects.toThrow(OPEN)
      await expect(store.check()).rejects.toThrow(/: no answer in time\.$/)
      own.thaw()
      await vi.waitFor(() => store.check(), { timeout: 5_000, interval: 20 })
      expect(breakerOf(store).state).toBe('closed')
    } finally {
      own.thaw()
      await own.stop()
    }
  })

  test('does not open for what is lost with one connection', async () => {
    const proxy = await startProxy(shared.server.port)
    try {
      const store = open({ redis: proxy.url })
      await connected(store)
      proxy.delayRequests(300)
      const reading = readEach(store, 20)
      await pause(100)
      proxy.cut()
      proxy.delayRequests(0)
      for (const result of await reading) expect(result.status).toBe('fulfilled')
      expect(breakerOf(store).openings).toBe(0)
    } finally {
      await proxy.stop()
    }
  })

  test('does not open for error replies', async () => {
    const server = await scripted(([name]) =>
      name === 'mget' ? '-BUSY Redis is busy running a script.\r\n' : undefined,
    )
    const store = open({ redis: server.url })
    for (const { reason } of (await readEach(store, 20)) as PromiseRejectedResult[]) {
      expect(String(reason)).toMatch(/BUSY/)
    }
    expect(breakerOf(store).openings).toBe(0)
  })

  test('does not open while one large value arrives, although all after it are late', async () => {
    const value = 'x'.repeat(2_000)
    const large: Trickle = async (send) => {
      send(`*2\r\n$${40 * value.length}\r\n`)
      for (let part = 0; part < 40; part++) {
        await pause(20)
        send(value)
      }
      send(`\r\n${bulk('')}`)
    }
    let isFirst = true
    const server = await scripted(([name, first = '']) => {
      if (name !== 'mget' || !first.includes('large') || !isFirst) return undefined
      isFirst = false
      return large
    })
    const store = open({ redis: server.url, timeoutMs: 200 })
    await store.read(key('small'))
    const largest = store.read(key('large')).catch(ignore)
    const late = await readEach(store, 20)
    expect(late.map(({ status }) => status)).toContain('rejected')
    await largest
    expect(breakerOf(store).openings).toBe(0)
  })

  test('does not open while one large value is sent, although all after it are late', async () => {
    const server = await scripted(() => undefined)
    const connection = new Connection(server.url, 2_000, 200)
    const send = (command: Command) => connection.send(command, performance.now() + 200)
    await vi.waitFor(() => send(['GET', 'small']), { timeout: 5_000, interval: 20 })
    server.pauseReading(800)
    const largest = send(['SET', 'large', 'x'.repeat(10_000_000)]).catch(ignore)
    const late = await Promise.allSettled(Array.from({ length: 20 }, () => send(['GET', 'small'])))
    expect(late.map(({ status }) => status)).toContain('rejected')
    await largest
    expect(connection.health.breakers[0]?.openings).toBe(0)
    connection.close()
  })

  test('opens where a reply stops in the middle', async () => {
    let hasStopped = false
    const server = await scripted(([name, first = '']) => {
      if (hasStopped) return SILENCE
      if (name !== 'mget' || !first.includes('large')) return undefined
      hasStopped = true
      return async (send) => send('*2\r\n$1000\r\nxxx')
    })
    const store = open({ redis: server.url, timeoutMs: 200 })
    await store.read(key('small'))
    const largest = store.read(key('large')).catch(ignore)
    await pause(50)
    await readEach(store, 4)
    await largest
    expect(breakerOf(store).openings).toBe(1)
  })

  test.each([
    ['answers', true],
    ['connects', false],
  ])('does not open because this process is busy while the server %s', async (_, isConnected) => {
    // Connecting takes several turns of the event loop.
    const [timeoutMs, busyMs] = isConnected ? [100, 260] : [20, 60]
    const store = open({ timeoutMs })
    if (isConnected) await connected(store)
    const reading: Promise<unknown>[] = []
    for (let round = 0; round < 8; round++) {
      for (let n = 0; n < 4; n++) {
        const read = store.read(key(['busy', n]))
        read.catch(ignore)
        reading.push(read)
        await new Promise(setImmediate)
      }
      const until = performance.now() + busyMs
      while (performance.now() < until);
    }
    await Promise.allSettled(reading)
    expect(breakerOf(store).openings).toBe(0)
  })
})

const started: ScriptedRedis[] = []
afterEach(() => Promise.all(started.splice(0).map((server) => server.stop())))

async function scripted(answer: Parameters<typeof startScriptedRedis>[0]): Promise<ScriptedRedis> {
  const server = await startScriptedRedis(answer)
  started.push(server)
  return server
}
