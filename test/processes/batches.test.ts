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
  server = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] })
})
afterAll(() => server.stop())

/** Keys that are computed at once; reads and writes of one batch are more than a call can take as arguments. */
const COMPUTED = process.env.SOAK ? 100_000 : 30_000

/** The result of a process that does an operation on `count` keys at once, and then ends by itself. */
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

// In this order: keys are set, read, then deleted.
test.each([
  ['setMany', 150_000],
  ['getMany', 150_000],
  ['deleteMany', 150_000],
  ['getOrSet', COMPUTED],
])(
  '%s of %i keys at once loses none of them while another batch is queued',
  async (operation, count) => {
    const result = await run(operation, count)
    expect(result).toMatchObject({ done: count, few: 1_000, warnings: [], failures: [] })
    // Read while the large batch was under way.
    expect(result.other.value).toBe(0)
  },
  120_000,
)

test('each of many values that were computed at once is stored', async () => {
  const client = new Redis(server.url)
  expect(
    await client.exists(...[0, COMPUTED / 2, COMPUTED - 1].map((index) => `batches:many::${index}`)),
  ).toBe(3)
  client.disconnect()
})

test('a read-only replica serves reads, and its refusals of writes add no listeners', async () => {
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
