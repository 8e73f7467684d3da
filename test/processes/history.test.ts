import { type ChildProcess, fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { afterEach, expect, test } from 'vitest'
import { startRedis } from '../helpers/redis.js'
import { startRedisCluster } from '../helpers/redis-cluster.js'
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
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

/** Little memory, so that values, generations and markers are evicted. */
const SMALL = ['--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-lru']

/** Where entries are stored, and what happens to it now and then. */
interface Subject {
  readonly url: string
  readonly disturbances: readonly (() => unknown)[]
  /** Whether the disturbances take most of the time. */
  readonly isMostlyDisturbed: boolean
}

type Pick = (count: number) => number

async function server(pick: Pick): Promise<Subject> {
  const store = await startRedis({ args: SMALL })
  const admin = new Redis(store.url)
  admin.on('error', () => {})
  stops.push(async () => {
    admin.disconnect()
    await store.stop()
  })
  const freeze = async () => {
    store.freeze()
    await pause(pick(700))
    store.thaw()
  }
  return { url: store.url, isMostlyDisturbed: false, disturbances: [freeze, ...onServer(() => admin, pick)] }
}

/** With failovers that lose nothing: one that loses an invalidation is a limit that is stated. */
async function cluster(pick: Pick): Promise<Subject> {
  const store = await startRedisCluster({ args: SMALL, nodeTimeoutMs: 5_000 })
  stops.push(() => store.stop())
  const master = async () => {
    const masters = await store.masters()
    return masters[pick(masters.length)] as (typeof masters)[number]
  }
  let admin = (await master()).admin
  const freeze = async () => {
    const node = await master()
    node.freeze()
    await pause(pick(700))
    node.thaw()
  }
  const failover = async () => void (await store.failover(await master()))
  const reshard = async () => {
    const [from, to] = await store.masters()
    if (from && to) await store.reshard(from, to, 1 + pick(20))
  }
  const other = async () => {
    ;({ admin } = await master())
  }
  return {
    url: store.url,
    isMostlyDisturbed: true,
    disturbances: [other, freeze, failover, reshard, ...onServer(() => admin, pick)],
  }
}

function onServer(admin: () => Redis, pick: Pick): (() => unknown)[] {
  return [
    () => admin().flushall(),
    () => admin().script('FLUSH'),
    () => admin().client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes'),
    () => admin().client('KILL', 'TYPE', 'pubsub'),
    // Foreign values, which evict generations and markers at random.
    () =>
      Promise.allSettled(
        Array.from({ length: 200 }, (_, n) =>
          admin().set(`junk:${n}:${pick(1e6)}`, 'x'.repeat(10_000), 'PX', 5_000),
        ),
      ),
  ]
}

/**
 * Rule: a read that starts after an invalidation has returned never yields a
 * version older than the one at that invalidation; in the one process that
 * has a process memory, after one that has returned a second ago.
 */
test.each([
  ['a server', server],
  ['a Cluster', cluster],
] as const)(
  `a history of ${SECONDS} s on %s: no read yields what was invalidated before it began`,
  async (_, subject) => {
    const seed = process.env.SEED ?? randomBytes(4).toString('hex')
    console.log(`SEED=${seed}`)
    const pick = random(seed)
    const database = await startRedis()
    stops.push(() => database.stop())
    const store = await subject(pick)

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
      ...store.disturbances,
    ]
    const end = Date.now() + SECONDS * 1_000
    while (Date.now() < end && violations.length === 0) {
      await pause(300 + pick(300))
      // What a disturbance finds in the middle of another one does not matter.
      await Promise.resolve(disturbances[pick(disturbances.length)]?.()).catch(() => {})
    }
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
    for (const name of store.isMostlyDisturbed ? names.slice(0, 5) : names) {
      // Failovers and moved slots leave little time for anything else.
      expect(total(name), name).toBeGreaterThan(store.isMostlyDisturbed ? 0 : SECONDS)
    }
    if (!store.isMostlyDisturbed) expect(total('staleServed')).toBeGreaterThan(0)
  },
  (SECONDS + 60) * 1_000,
)
