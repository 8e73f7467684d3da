import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { random } from './random.mjs'

const SECONDS = process.env.SOAK ? 180 : 12
const CHILD = fileURLToPath(new URL('history-child.mjs', import.meta.url))

interface Counts {
  reads: number
  fills: number
  refused: number
  invalidations: number
  computations: number
  avoided: number
  fencedCommits: number
  takeovers: number
  staleServed: number
  processHits: number
}
type Message = { violation?: string; counts: Counts }

const children = new Set<ChildProcess>()
const servers: RedisServer[] = []
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(servers.splice(0).map((server) => server.stop()))
})

/**
 * Rule: a read that starts after an invalidation has returned never yields a
 * version older than the one at that invalidation; in the one process that
 * has a process memory, after one that has returned a second ago.
 */
test(
  `a history of ${SECONDS} s: no read yields what was invalidated before it began`,
  async () => {
    const seed = process.env.SEED ?? randomBytes(4).toString('hex')
    console.log(`SEED=${seed}`)
    const pick = random(seed)
    const [store, database] = [
      await startRedis({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-lru'] }),
      await startRedis(),
    ]
    servers.push(store, database)
    const redis = new Redis(store.url)
    redis.on('error', () => {})

    const violations: string[] = []
    const counts = new Map<number, Counts>()
    let life = 0
    const start = (role: 'reader' | 'writer', number: number) => {
      const args = [role, String(number), store.url, database.url, seed]
      const child = fork(CHILD, args, { env: { ...process.env, LIFE: String(life++) } })
      children.add(child)
      child.on('message', (message: Message) => {
        counts.set(child.pid as number, message.counts)
        if (message.violation) violations.push(message.violation)
      })
      child.on('exit', () => children.delete(child))
      return child
    }
    const readers = [0, 1, 2].map((number) => start('reader', number))
    for (const number of [0, 1, 2]) start('writer', number)

    const disturbances: (() => unknown)[] = [
      () => {
        const number = pick(readers.length)
        readers[number]?.kill('SIGKILL')
        readers[number] = start('reader', number)
      },
      async () => {
        const reader = readers[pick(readers.length)]
        reader?.kill('SIGSTOP')
        await pause(pick(600))
        reader?.kill('SIGCONT')
      },
      async () => {
        store.freeze()
        await pause(pick(700))
        store.thaw()
      },
      () => redis.flushall(),
      () => redis.script('FLUSH'),
      () => redis.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
      () => redis.client('KILL', 'TYPE', 'pubsub'),
      // Foreign values, which evict generations and markers at random.
      () =>
        Promise.all(
          Array.from({ length: 200 }, (_, n) =>
            redis.set(`junk:${n}:${pick(1e6)}`, 'x'.repeat(10_000), 'PX', 5_000),
          ),
        ),
    ]
    const end = Date.now() + SECONDS * 1_000
    while (Date.now() < end && violations.length === 0) {
      await pause(300 + pick(300))
      await disturbances[pick(disturbances.length)]?.()
    }
    redis.disconnect()

    expect(violations).toEqual([])
    const total = (name: keyof Counts) => [...counts.values()].reduce((sum, one) => sum + one[name], 0)
    // It must have been a real race: fills and computations, and some that lost.
    const names = [
      'reads',
      'fills',
      'refused',
      'invalidations',
      'computations',
      'avoided',
      'fencedCommits',
      'processHits',
    ] as const
    const rare = ['staleServed', 'takeovers'] as const
    console.log([...names, ...rare].map((name) => `${name}: ${total(name)}`).join(', '))
    for (const name of names) expect(total(name), name).toBeGreaterThan(SECONDS)
    expect(total('staleServed')).toBeGreaterThan(0)
  },
  (SECONDS + 60) * 1_000,
)
