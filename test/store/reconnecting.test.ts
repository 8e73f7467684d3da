import { Redis } from 'ioredis'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { SEVERAL } from '../../src/store/redis/scripts/script.js'
import { startProxy } from '../helpers/proxy.js'
import { startRedis } from '../helpers/redis.js'
import { entry, isLive, key, useRedisStores } from './redis-stores.js'
import { type Answer, array, CUT, type ScriptedRedis, startScriptedRedis } from './scripted-redis.js'

const { open } = useRedisStores()

const HOUR_MS = 3_600_000
const SOON = { timeout: 8_000, interval: 20 }

const started: ScriptedRedis[] = []
afterEach(() => Promise.all(started.splice(0).map((server) => server.stop())))

async function scripted(answer: Answer, clock?: (connection: number) => number): Promise<ScriptedRedis> {
  const server = await startScriptedRedis(answer, clock)
  started.push(server)
  return server
}

describe('After a connection is lost, the server that answers next may have another clock', () => {
  /** The first server is an hour behind this process, the second two hours. */
  const clock = (connection: number) => Date.now() - connection * HOUR_MS

  test('a write that is sent again has its deadline by that clock', async () => {
    const deadlines: number[] = []
    let isKnown = true
    const server = await scripted(([name, , ...args], connection) => {
      if (connection === 1 && name === 'evalsha') {
        isKnown = false
        return '-NOSCRIPT No matching script. Please use EVAL.\r\n'
      }
      // In the middle of the second greeting, which has read the clock already.
      if (connection === 1 && name === 'script' && !isKnown) return CUT
      if (name === 'evalsha') deadlines.push(Number(args[Number(args[0]) + 1]) - clock(connection))
      return undefined
    }, clock)
    const store = open({ redis: server.url, timeoutMs: 2_000 })
    await store.release(key('a'), Buffer.alloc(12))
    expect(deadlines).toHaveLength(1)
    expect(deadlines[0]).toBeGreaterThan(0)
    expect(deadlines[0]).toBeLessThan(3_000)
  })

  test('a write that is sent first has its deadline by that clock', async () => {
    const deadlines: number[] = []
    const server = await scripted(([name, , ...args], connection) => {
      if (connection === 1 && name === 'script') return CUT
      if (name === 'evalsha') deadlines.push(Number(args[Number(args[0]) + 1]) - clock(connection))
      return undefined
    }, clock)
    const store = open({ redis: server.url, timeoutMs: 2_000 })
    await store.release(key('a'), Buffer.alloc(12))
    expect(deadlines[0]).toBeGreaterThan(0)
    expect(deadlines[0]).toBeLessThan(3_000)
  })

  test('a read is judged by that clock, also where only its values have arrived', async () => {
    const server = await scripted(([name], connection) => {
      return connection === 1 && name === 'time' ? CUT : undefined
    }, clock)
    const store = open({ redis: server.url, timeoutMs: 2_000 })
    const { now } = await store.read(key('a'))
    expect(Math.abs(now - clock(2))).toBeLessThan(3_000)
  })
})

test('a server whose user may not load scripts is reported in its own words', async () => {
  const own = await startRedis()
  const admin = new Redis(own.url)
  try {
    await admin.call('ACL', 'SETUSER', 'shop', 'on', '>demo', '~*', '&*', '+@all', '-script|load')
    const store = open({ redis: own.url.replace('//', '//shop:demo@') })
    await expect(store.write(key('a'), entry())).rejects.toThrow(/NOPERM.*script\|load/)
  } finally {
    admin.disconnect()
    await own.stop()
  }
})

describe('A server that has become a replica gets a new connection', () => {
  /** As Redis up to version 6 has it. */
  const INSIDE =
    "-ERR Error running script (call to f_abc): @user_script:12: @user_script: 12: -READONLY You can't write against a read only replica.\r\n"
  const READONLY = "-READONLY You can't write against a read only replica.\r\n"

  test.each<[string, Answer]>([
    ['by an error inside the text of a script error', ([name]) => (name === 'evalsha' ? INSIDE : undefined)],
    [
      'by an error inside the reply to several calls',
      ([name, , ...args]) => {
        if (name !== 'evalsha') return undefined
        return args[Number(args[0]) + 1] === SEVERAL ? array([READONLY, READONLY]) : READONLY
      },
    ],
  ])('%s', async (_, answer) => {
    const server = await scripted(answer)
    const store = open({ redis: server.url, timeoutMs: 2_000 })
    await store.read(key('a'))
    const writing = await Promise.allSettled(['a', 'b'].map((path) => store.write(key(path), entry())))
    for (const result of writing) expect(String((result as PromiseRejectedResult).reason)).toMatch(/READONLY/)
    await vi.waitFor(() => expect(server.connections).toBeGreaterThan(1), SOON)
  })

  test('by a refused read', async () => {
    const refusal = "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n"
    const server = await scripted(([name]) => (name === 'mget' ? refusal : undefined))
    const store = open({ redis: server.url, timeoutMs: 2_000 })
    await expect(store.read(key('a'))).rejects.toThrow(/MASTERDOWN/)
    await vi.waitFor(() => expect(server.connections).toBeGreaterThan(1), SOON)
  })

  test('by its role, where this process only reads', async () => {
    const [own, master] = [await startRedis(), await startRedis()]
    const proxy = await startProxy(own.port)
    const admin = new Redis(own.url)
    try {
      const [store, writer] = [
        open({ redis: proxy.url, keyPrefix: 'role' }),
        open({ redis: master.url, keyPrefix: 'role' }),
      ]
      await store.read(key('a'))
      await writer.write(key('a'), entry())
      // A replica of nobody that answers: it has nothing of what the master has.
      await admin.replicaof('127.0.0.1', 1)
      proxy.leadTo(master.port)
      await vi.waitFor(async () => expect(await isLive(store, 'a')).toBe(true), SOON)
    } finally {
      admin.disconnect()
      await proxy.stop()
      await Promise.all([own.stop(), master.stop()])
    }
  })
})
