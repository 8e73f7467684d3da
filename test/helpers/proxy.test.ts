import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Proxy as FaultyProxy, startProxy } from './proxy.js'
import { useRedis } from './use-redis.js'

const redis = useRedis({ emptied: true })

let proxy: FaultyProxy
beforeEach(async () => {
  proxy = await startProxy(redis.server.port, { readsCommands: true })
})
afterEach(() => proxy.stop())

/** Sends lines and QUIT; resolves to everything that arrives until the connection is closed. */
async function ask(...commands: string[]): Promise<string> {
  const socket = connect(proxy.port, '127.0.0.1')
  socket.write([...commands, 'QUIT', ''].join('\r\n'))
  return await text(socket)
}

async function nextChunk(socket: Socket): Promise<string> {
  const [chunk] = await once(socket, 'data')
  return String(chunk)
}

describe('A proxy', () => {
  test('refuses connections, and accepts them again on the same port', async () => {
    await proxy.refuse()
    await expect(ask('PING')).rejects.toThrow('ECONNREFUSED')
    await proxy.restore()
    expect(await ask('PING')).toBe('+PONG\r\n+OK\r\n')
  })

  test('holds what both sides send, of old and new connections, until it is restored', async () => {
    const old = connect(proxy.port, '127.0.0.1')
    old.write('PING\r\n')
    expect(await nextChunk(old)).toBe('+PONG\r\n')
    proxy.hold()
    const answers = Promise.all([nextChunk(old), ask('GET a')])
    old.write('SET a 1\r\n')
    expect(await redis.admin.set('a', '2')).toBe('OK')
    expect(await redis.admin.get('a')).toBe('2')
    await proxy.restore()
    const [first, second] = await answers
    expect(first).toBe('+OK\r\n')
    expect(second).toMatch(/^\$1\r\n[12]\r\n/)
    old.destroy()
  })

  test('cuts a connection in the middle of a reply', async () => {
    proxy.cutReplies()
    expect(await ask('ECHO abcdefgh')).toBe('$8')
    await proxy.restore()
    expect(await ask('ECHO abcdefgh')).toContain('abcdefgh')
  })

  test('replaces replies by bytes that ioredis refuses', async () => {
    proxy.garble()
    const client = new Redis(proxy.url, { enableReadyCheck: false, retryStrategy: null })
    client.on('error', () => {})
    await expect(client.get('a')).rejects.toThrow()
    client.disconnect()
  })

  test('delivers replies later, in their order', async () => {
    proxy.delayAnswers(50)
    const startedAt = performance.now()
    const delayed = ask('ECHO a', 'ECHO b')
    expect(await delayed).toBe('$1\r\na\r\n$1\r\nb\r\n+OK\r\n')
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(49)
  })

  test('delivers replies a few bytes at a time', async () => {
    proxy.slow({ bytes: 3, everyMs: 1 })
    const socket = connect(proxy.port, '127.0.0.1')
    socket.write('ECHO abcdefghijkl\r\n')
    const whole = '$12\r\nabcdefghijkl\r\n'
    const chunks: string[] = []
    while (chunks.join('').length < whole.length) chunks.push(await nextChunk(socket))
    expect(chunks.join('')).toBe(whole)
    expect(chunks.length).toBeGreaterThan(1)
    socket.destroy()
  })

  test('answers commands of some names with an error, in the order of all commands', async () => {
    proxy.answer('LOADING Redis is loading', { only: ['get', 'CONFIG GET'] })
    expect(await ask('ECHO a', 'GET a', 'ECHO b', 'CONFIG GET port', 'CONFIG RESETSTAT')).toBe(
      [
        ...['$1', 'a', '-LOADING Redis is loading', '$1', 'b', '-LOADING Redis is loading', '+OK', '+OK', ''],
      ].join('\r\n'),
    )
    await proxy.restore()
    expect(await ask('GET a')).toBe('$-1\r\n+OK\r\n')
  })

  test('answers every command, and passes none on', async () => {
    const socket = connect(proxy.port, '127.0.0.1')
    proxy.answer('NOAUTH Authentication required.')
    socket.write('SET a 1\r\n')
    expect(await nextChunk(socket)).toBe('-NOAUTH Authentication required.\r\n')
    expect(await redis.admin.exists('a')).toBe(0)
    socket.destroy()
  })

  test('closes the connection after an answer', async () => {
    proxy.answer('NOSCRIPT No matching script.', { only: ['EVALSHA'], closing: true })
    expect(await ask('ECHO a', 'EVALSHA 0 0', 'ECHO b')).toBe('$1\r\na\r\n-NOSCRIPT No matching script.\r\n')
  })

  test('answers in the place of commands that clients have sent before, also while replies are late', async () => {
    const client = new Redis(proxy.url)
    await client.set('a', '1')
    proxy.delayAnswers(20)
    proxy.answer('ERR refused', { only: ['GET'] })
    const replies = await client.pipeline().set('a', '2').get('a').incr('a').exec()
    expect(replies?.map(([error, value]) => error?.message ?? value)).toEqual(['OK', 'ERR refused', 3])
    client.disconnect()
  })

  test('passes messages on to a subscriber', async () => {
    const client = new Redis(proxy.url)
    await client.ping()
    await client.subscribe('channel')
    const message = once(client, 'message')
    await redis.admin.publish('channel', 'text')
    expect(await message).toEqual(['channel', 'text'])
    expect(await client.ping()).toEqual(['pong', ''])
    client.disconnect()
  })

  test.each([3_600, -3_600])(
    'moves the clock of the server by %d s, for TIME and for scripts',
    async (seconds) => {
      const client = new Redis(proxy.url)
      const source = "return redis.call('TIME')[1]"
      const sha = (await client.script('LOAD', source)) as string
      const shift = async () => {
        const real = Number((await redis.admin.time())[0])
        const times = [(await client.time())[0], await client.evalsha(sha, 0)]
        return times.map((time) => Math.round((Number(time) - real) / 10) * 10)
      }
      expect(await shift()).toEqual([0, 0])
      proxy.shiftClock(seconds)
      expect(await shift()).toEqual([seconds, seconds])
      await proxy.restore()
      expect(await shift()).toEqual([0, 0])
      client.disconnect()
    },
  )

  test('reads commands only where it was started to', async () => {
    const plain = await startProxy(redis.server.port)
    expect(() => plain.answer('ERR')).toThrow('readsCommands')
    await plain.stop()
  })
})
