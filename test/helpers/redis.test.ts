import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RedisServer, startRedis } from './redis.js'

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis({ args: ['--maxmemory', '50mb'] })
})
afterAll(() => redis?.stop())

/** Sends inline commands and QUIT; resolves to everything answered. */
async function ask(port: number, ...commands: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write([...commands, 'QUIT', ''].join('\r\n'))
  return await text(socket)
}

test('responds on its port, with its arguments', async () => {
  expect(await ask(redis.port, 'PING', 'CONFIG GET maxmemory')).toMatch(/^\+PONG\r\n.*52428800/s)
  expect(await ask(redis.port, 'INFO server')).toContain(`process_id:${redis.pid}\r\n`)
})

test('a frozen server sends no reply until it is thawed', async () => {
  redis.freeze()
  const answer = ask(redis.port, 'PING')
  const first = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 100, 'silence'))])
  expect(first).toBe('silence')
  redis.thaw()
  expect(await answer).toContain('PONG')
})

test('a killed server restarts empty on the same port, also when it was frozen', async () => {
  await ask(redis.port, 'SET a 1')
  redis.freeze()
  await redis.kill()
  await expect(ask(redis.port, 'PING')).rejects.toThrow('ECONNREFUSED')
  await redis.restart()
  expect(await ask(redis.port, 'DBSIZE')).toContain(':0')
})

test('many can be started at once', async () => {
  const servers = await Promise.all(Array.from({ length: 5 }, () => startRedis()))
  expect(new Set(servers.map((server) => server.port)).size).toBe(5)
  await Promise.all(servers.map((server) => server.stop()))
})

test('explains how to install redis-server when it is missing', async () => {
  const path = process.env.PATH
  process.env.PATH = '/nowhere'
  try {
    await expect(startRedis()).rejects.toThrow('redis-server is not installed')
  } finally {
    process.env.PATH = path
  }
})

test.each(['SIGKILL', 'SIGTERM'] as const)('ends with the process that started it (%s)', async (signal) => {
  const directory = mkdtempSync(join(tmpdir(), 'keyedcache-helper-'))
  try {
    const source = ['test/helpers/redis.ts', '--ignoreConfig', '--types', 'node', '--skipLibCheck']
    const target = ['--target', 'es2023', '--module', 'nodenext', '--outDir', directory]
    execFileSync('node_modules/.bin/tsc', [...source, ...target])
    writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
    const script = `import { startRedis } from './redis.js'; console.log((await startRedis()).port)`
    const owner = spawn('node', ['--input-type=module', '--eval', script], {
      cwd: directory,
      env: { ...process.env, TMPDIR: directory },
    })
    const [port] = await once(owner.stdout, 'data')
    const connection = connect(Number(port), '127.0.0.1')
    await once(connection, 'connect')
    // A reset is as good an end as a close.
    const closed = new Promise((resolve) => connection.on('error', () => {}).once('close', resolve))
    owner.kill(signal)
    await closed
  } finally {
    rmSync(directory, { recursive: true })
  }
})
