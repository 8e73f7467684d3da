import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type RedisServer, startRedis } from '../helpers/redis.js'

const CHILD = fileURLToPath(new URL('batches-child.mjs', import.meta.url))

interface Result {
  readonly done: number
  readonly few: number
  readonly other: { readonly value: unknown }
  readonly warnings: readonly string[]
  readonly failures: readonly string[]
}

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

/** What a process that does an operation on so many keys at once came to; its end is one of its own accord. */
async function run(operation: string, count: number, url = server.url): Promise<Result> {
  const given = JSON.stringify({ url, count, operation })
  const child = fork(CHILD, [given], { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
  let complaints = ''
  child.stderr?.on('data', (text: Buffer) => {
    complaints += text.toString()
  })
  let result: Result | undefined
  child.on('message', (message: Result) => {
    result = message
  })
  const [code] = await once(child, 'close')
  expect(complaints).toBe('')
  expect(code).toBe(0)
  return result as Result
}

// In this order: what is set is read, then deleted.
test.each([
  ['setMany', 150_000],
  ['getMany', 150_000],
  ['deleteMany', 150_000],
  ['getOrSet', 100_000],
])(
  '%s of %i keys at once, while another batch is queued, loses none of them',
  async (operation, count) => {
    const result = await run(operation, count)
    expect(result).toMatchObject({ done: count, few: 1_000, warnings: [], failures: [] })
    // Read while the large batch was under way.
    expect(result.other.value).toBe(0)
  },
  120_000,
)

test('what was computed for each of many keys is stored', async () => {
  const client = new Redis(server.url)
  expect(await client.exists('batches:many::0', 'batches:many::50000', 'batches:many::99999')).toBe(3)
  client.disconnect()
})

test('a server that takes no writes gets no listener for each of its refusals, and is still read', async () => {
  const replica = await startRedis()
  try {
    const client = new Redis(replica.url)
    await client.replicaof('127.0.0.1', server.port)
    await vi.waitFor(async () => expect(await client.exists('batches:many::0')).toBe(1), { timeout: 10_000 })
    client.disconnect()
    expect(await run('setMany', 5_000, replica.url)).toMatchObject({ done: 0, few: 0, warnings: [] })
    expect(await run('getMany', 5_000, replica.url)).toMatchObject({ done: 5_000, warnings: [] })
  } finally {
    await replica.stop()
  }
}, 60_000)
