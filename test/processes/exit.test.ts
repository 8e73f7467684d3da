import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { CacheOptions } from '../../src/options.js'
import { type BlackHole, openBlackHole } from '../helpers/black-hole.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { type RedisCluster, startRedisCluster } from '../helpers/redis-cluster.js'

const CHILD = fileURLToPath(new URL('exit-child.mjs', import.meta.url))

interface Script {
  readonly jobs: readonly string[]
  /** Default: that of the server. */
  readonly url?: string
  readonly options?: CacheOptions
  /** `nothing`: it just has nothing more to do. */
  readonly end: 'close' | 'nothing'
  /** What happens to the server while the script pauses, each time. */
  readonly meanwhile?: readonly (() => Promise<void> | void)[]
}

interface Exit {
  readonly code: number | null
  readonly complaints: string
  readonly done: readonly unknown[]
  readonly closedAfterMs: number
  /** How long the process was there after its script had ended. */
  readonly lingeredMs: number
}

let server: RedisServer
let hole: BlackHole | undefined
beforeEach(async () => {
  server = await startRedis()
})
afterEach(async () => {
  hole?.stop()
  hole = undefined
  server.thaw()
  await server.stop()
})

/** Nothing answers at the address of the server any more. */
async function blackHole(own: RedisServer): Promise<void> {
  await own.kill()
  hole = await openBlackHole(own.port)
}

async function run({ jobs, url = server.url, options, end, meanwhile = [] }: Script): Promise<Exit> {
  const given = JSON.stringify({ url, options, jobs, end })
  const child = fork(CHILD, [given], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  let [output, complaints] = ['', '']
  child.stdout?.on('data', (text: Buffer) => {
    output += text.toString()
  })
  child.stderr?.on('data', (text: Buffer) => {
    complaints += text.toString()
  })
  const happening = [...meanwhile]
  child.on('message', async () => {
    await happening.shift()?.()
    child.send('go on')
  })
  let gone = 0
  child.once('exit', () => {
    gone = Date.now()
  })
  const [code] = await once(child, 'close')
  if (output === '') throw new Error(`The script did not come to its end: ${code} ${complaints}`)
  const { done, closedAfterMs, at } = JSON.parse(output)
  return { code, complaints, done, closedAfterMs, lingeredMs: gone - at }
}

const JOBS = ['set', 'get', 'deleteTree', 'getOrSet']

/** Well below the two seconds that ioredis waits for a server, and above what a busy machine takes to end a process. */
const SOON_MS = 1_800

describe('A script without further work ends', () => {
  test.each<[string, Omit<Script, 'end'>]>([
    ['after a set', { jobs: ['set'] }],
    ['after everything', { jobs: JOBS }],
    ['after everything, with process memory', { jobs: JOBS, options: { memory: {} } }],
    ['after it has listened for another computation', { jobs: ['wait'] }],
  ])('%s', async (_, script) => {
    const { code, complaints, done, lingeredMs } = await run({ ...script, end: 'nothing' })
    expect({ code, complaints }).toEqual({ code: 0, complaints: '' })
    expect(done).toHaveLength(script.jobs.length)
    expect(lingeredMs).toBeLessThan(SOON_MS)
  })

  test('without a server', async () => {
    await server.stop()
    const { code, done, lingeredMs } = await run({ jobs: JOBS, options: { memory: {} }, end: 'nothing' })
    expect({ code, done }).toEqual({ code: 0, done: [false, null, false, 2] })
    expect(lingeredMs).toBeLessThan(SOON_MS)
  })

  test.each<[string, (own: RedisServer) => Promise<void> | void]>([
    ['is frozen', (own) => own.freeze()],
    ['is gone', (own) => own.kill()],
  ])('after its server %s', async (_, happens) => {
    const jobs = [...JOBS, 'pause', ...JOBS]
    const meanwhile = [() => happens(server)]
    const { code, lingeredMs } = await run({ jobs, options: { memory: {} }, end: 'nothing', meanwhile })
    expect(code).toBe(0)
    expect(lingeredMs).toBeLessThan(SOON_MS)
  })
})

describe('close() is quick', () => {
  const options: CacheOptions = { memory: {}, timeouts: { store: '250ms' } }

  test('with a server', async () => {
    const { code, closedAfterMs, lingeredMs } = await run({ jobs: [...JOBS, 'wait'], end: 'close' })
    expect(code).toBe(0)
    expect(closedAfterMs).toBeLessThan(SOON_MS)
    expect(lingeredMs).toBeLessThan(SOON_MS)
  })

  test('also while dead entries are being reclaimed', async () => {
    const exit = await run({ jobs: ['set', 'deleteTree', 'reclaim'], options, end: 'close' })
    expect(exit).toMatchObject({ code: 0, complaints: '', done: [true, true, null] })
  })

  test('without a server', async () => {
    await server.stop()
    const { code, closedAfterMs, lingeredMs } = await run({ jobs: JOBS, options, end: 'close' })
    expect(code).toBe(0)
    expect(closedAfterMs).toBeLessThan(SOON_MS)
    expect(lingeredMs).toBeLessThan(SOON_MS)
  })

  test.each<[string, (own: RedisServer) => Promise<void> | void]>([
    ['is frozen', (own) => own.freeze()],
    ['is gone', (own) => own.kill()],
  ])('after the server %s', async (_, happens) => {
    const jobs = [...JOBS, 'pause', ...JOBS]
    const { code, closedAfterMs, lingeredMs } = await run({
      ...{ jobs, options, end: 'close' },
      meanwhile: [() => happens(server)],
    })
    expect(code).toBe(0)
    expect(closedAfterMs).toBeLessThan(SOON_MS)
    expect(lingeredMs).toBeLessThan(SOON_MS)
  })

  /** How the server is away while the script closes the cache, after `ms` of it. */
  const AWAY: [string, number, (own: RedisServer) => Promise<void> | void][] = [
    ['is frozen, for longer than a silent connection is kept', 6_000, (own) => own.freeze()],
    ['is gone, and the connection is between two attempts', 700, (own) => own.kill()],
    ['is gone, and nothing answers at its address', 0, blackHole],
    ['is gone, and the second attempt gets no answer either', 2_500, blackHole],
  ]
  test.each(AWAY)(
    'with all connections and a pending delete, after the server %s',
    async (_, ms, happens) => {
      const jobs = [...JOBS, 'wait', 'pause', 'deleteTree', 'pause', 'get']
      const meanwhile = () => happens(server)
      const longer = () => new Promise<void>((resolve) => setTimeout(resolve, ms))
      const exit = await run({ jobs, options, end: 'close', meanwhile: [meanwhile, longer] })
      expect(exit).toMatchObject({ code: 0, complaints: '' })
      expect(exit.done.slice(-4)).toEqual([null, false, null, null])
      expect(exit.closedAfterMs).toBeLessThan(SOON_MS)
      expect(exit.lingeredMs).toBeLessThan(SOON_MS)
    },
  )

  test('where nothing has answered at all', async () => {
    await blackHole(server)
    const { code, done, closedAfterMs, lingeredMs } = await run({ jobs: JOBS, options, end: 'close' })
    expect({ code, done }).toEqual({ code: 0, done: [false, null, false, 2] })
    expect(closedAfterMs).toBeLessThan(SOON_MS)
    expect(lingeredMs).toBeLessThan(SOON_MS)
  })

  test.each<[string, () => Promise<void> | void]>([
    ['is frozen', () => server.freeze()],
    ['cannot be reached', () => blackHole(server)],
  ])('where the only sentinel %s', async (_, happens) => {
    await happens()
    const redis = { sentinels: [{ host: '127.0.0.1', port: server.port }], name: 'mymaster' }
    const exit = await run({ jobs: JOBS, options: { ...options, redis }, end: 'close' })
    expect(exit).toMatchObject({ code: 0, complaints: '', done: [false, null, false, 2] })
    expect(exit.closedAfterMs).toBeLessThan(SOON_MS)
    expect(exit.lingeredMs).toBeLessThan(SOON_MS)
  })
})

describe('With a Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: false })
  })
  afterAll(() => cluster.stop())
  const options: CacheOptions = { memory: {}, timeouts: { store: '250ms' } }
  const freezeAll = () => {
    for (const node of cluster.nodes) node.freeze()
  }

  test.each(['nothing', 'close'] as const)('a script that has done everything ends: %s', async (end) => {
    for (const url of [cluster.url, `redis://127.0.0.1:${cluster.nodes[0]?.port}`]) {
      const exit = await run({ jobs: [...JOBS, 'wait'], url, options: { memory: {} }, end })
      expect(exit).toMatchObject({ code: 0, complaints: '' })
      expect(exit.lingeredMs).toBeLessThan(SOON_MS)
    }
  })

  test.each(['nothing', 'close'] as const)('also after its nodes are frozen: %s', async (end) => {
    const jobs = [...JOBS, 'pause', ...JOBS]
    const meanwhile = [() => freezeAll()]
    const exit = await run({ jobs, url: cluster.url, options, end, meanwhile })
    for (const node of cluster.nodes) node.thaw()
    expect(exit.code).toBe(0)
    expect(exit.closedAfterMs ?? 0).toBeLessThan(SOON_MS)
    expect(exit.lingeredMs).toBeLessThan(SOON_MS)
  })

  test('a script without any node ends too', async () => {
    const url = 'redis+cluster://127.0.0.1:1,127.0.0.1:2'
    const exit = await run({ jobs: JOBS, url, options, end: 'nothing' })
    expect(exit).toMatchObject({ code: 0, done: [false, null, false, 2] })
    expect(exit.lingeredMs).toBeLessThan(SOON_MS)
  })
})
