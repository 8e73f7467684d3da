import { afterAll, beforeAll, describe, expect } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import { RedisStore } from '../../src/store/redis/redis-store.js'
import type { Store, WriteOptions } from '../../src/store/store.js'
import { wrapStore } from '../../src/store/wrap-store.js'
import { startRedis } from '../helpers/redis.js'
import { testRows } from '../helpers/rows.js'
import { killMembers, startMembers } from '../processes/crew.js'
import { invalidations, pathOf, type WayName, waysOf } from '../processes/ways.mjs'
import { Gate } from './gate.js'

/**
 * Every way to invalidate, from everywhere, at every moment of a computation that found nothing cached.
 *
 * Rule: once the invalidation has returned, no caller gets a value that was read before it, neither while the
 * computation is still in progress nor after it; earlier waiters get the value that was computed for them.
 */
const WAYS: readonly WayName[] = ['getOrSet', 'a cached function', 'get → miss → set']

/**
 * The steps between which it can happen; in `get → miss → set` the miss is observed where others ask for the lease.
 * Before the data is read, and after the commit, a design must go out of its way to be wrong.
 */
const MOMENTS = [
  'before the lease',
  'after the lease, before the data is read',
  'after the data is read',
  'between the end of the factory and the commit',
  'after the commit',
] as const
type Moment = (typeof MOMENTS)[number]

/** The data before the change, the data after it, and the value of a `set`. */
const OLD = { version: 'old' }
const NEW = { version: 'new' }
const PUT = { version: 'new', by: 'set' }

/** The operations of a process, this one or another. */
interface Process {
  get(path: readonly string[]): Promise<unknown>
  obtain(way: WayName, id: string, value: unknown): Promise<unknown>
  invalidate(how: string, path: readonly string[], value: unknown): Promise<unknown>
}

/** Stops a computation at one moment. */
class Stop {
  gate = new Gate()
  #at: Moment | undefined

  /** The next computation that reaches this moment waits there. */
  at(moment: Moment): void {
    this.gate = new Gate()
    this.#at = moment
  }

  async pass(moment: Moment): Promise<void> {
    if (this.#at !== moment) return
    this.#at = undefined
    await this.gate.pass()
  }
}

/** A store in which a computation, or a fill, can be stopped between its steps. */
function stopping(store: Store, stop: Stop): Store {
  const leasing = ['before the lease', 'after the lease, before the data is read'] as const
  const committing = ['between the end of the factory and the commit', 'after the commit'] as const
  return wrapStore(store, async (operation, proceed, args) => {
    const isFill = operation === 'write' && (args[2] as WriteOptions | undefined)?.basis !== undefined
    const isCommit = operation === 'commit' || isFill
    const isStart = operation === 'observe' || operation === 'acquire'
    if (!isCommit && !isStart) return await proceed()
    const [before, after] = isCommit ? committing : leasing
    await stop.pass(before)
    const result = await proceed()
    await stop.pass(after)
    return result
  })
}

interface Setting {
  readonly store: Store
  readonly another: Process
  close(): Promise<unknown>
}

async function inMemory(): Promise<Setting> {
  const store = new MemoryStore()
  const cache = createCache({ store })
  const ways = waysOf(cache)
  const another: Process = {
    get: (path) => cache.get(path),
    obtain: (way, id, value) => ways[way](id, () => value),
    invalidate: async (how, path, value) => invalidations[how]?.(cache, path, value),
  }
  return { store, another, close: () => cache.close() }
}

async function onRedis(): Promise<Setting> {
  const server = await startRedis()
  const keyPrefix = 'table'
  const [member] = await startMembers(1, { redis: server.url, keyPrefix, timeouts: { store: '2s' } })
  if (!member) throw new Error('no process was started')
  const store = new RedisStore({ redis: server.url, keyPrefix, timeoutMs: 2_000, connectTimeoutMs: 2_000 })
  const another: Process = {
    get: (path) => member.run('get', { path }),
    obtain: (way, id, value) => member.run('obtain', { way, id, value }),
    invalidate: (how, path, value) => member.run('invalidate', { how, path, value }),
  }
  return { store, another, close: () => Promise.all([killMembers(), server.stop()]) }
}

describe.each([
  { where: 'in memory', open: inMemory },
  { where: 'on Redis, the other process a real one', open: onRedis },
])('No caller reads an invalidated value, $where:', ({ open }) => {
  const stop = new Stop()
  let setting: Setting
  let here: Process & { obtainFrom(way: WayName, id: string, read: () => Promise<unknown>): Promise<unknown> }
  let ids = 0
  beforeAll(async () => {
    setting = await open()
    const cache = createCache({ store: stopping(setting.store, stop), timeouts: { store: '10s' } })
    const ways = waysOf(cache)
    here = {
      get: (path) => cache.get(path),
      obtain: (way, id, value) => ways[way](id, () => value),
      obtainFrom: (way, id, read) => ways[way](id, read),
      invalidate: async (how, path, value) => invalidations[how]?.(cache, path, value),
    }
  })
  afterAll(() => setting.close())

  for (const way of WAYS) {
    for (const moment of MOMENTS) {
      const rows = Object.keys(invalidations).flatMap((how) =>
        (['the same', 'another'] as const).map((by) => [`${how} in ${by} process`, { how, by }] as const),
      )
      const check = async ({ how, by }: Pick<Case, 'how' | 'by'>) => {
        // Without a read meanwhile, the late commit is all that could bring the old value back.
        for (const asked of ['by nobody', 'meanwhile'] as const) {
          await holds({ way, moment, how, by, asked })
        }
      }
      testRows(`${way}: an invalidation ${moment}`, rows, check, { rowTimeout: 5_000 })
    }
  }

  interface Case {
    readonly way: WayName
    readonly moment: Moment
    readonly how: string
    readonly by: 'the same' | 'another'
    readonly asked: 'by nobody' | 'meanwhile'
  }

  async function holds({ way, moment, how, by, asked }: Case): Promise<void> {
    const id = `p${ids++}`
    const path = pathOf(way, id)
    const everywhere = [here, setting.another]
    let stored = OLD
    const read = async () => {
      const value = stored
      await stop.pass('after the data is read')
      return value
    }
    stop.at(moment)
    const { gate } = stop
    const first = here.obtainFrom(way, id, read)
    // Of two that compute at once the second waits for the first; two requests that fill do not.
    const waiting = way === 'get → miss → set' ? [first] : [first, here.obtainFrom(way, id, read)]
    try {
      await Promise.race([
        gate.reached(),
        Promise.all(waiting).then(() => expect.fail(`Nobody came ${moment}.`)),
      ])
      stored = NEW
      await (by === 'another' ? setting.another : here).invalidate(how, path, PUT)
      if (asked === 'meanwhile') {
        for (const process of everywhere) expect(await process.obtain(way, id, NEW)).toMatchObject(NEW)
      }
    } finally {
      gate.open()
    }
    const isReadBefore = MOMENTS.indexOf(moment) >= MOMENTS.indexOf('after the data is read')
    for (const value of await Promise.all(waiting)) expect(value).toMatchObject(isReadBefore ? OLD : NEW)

    const isSet = how.includes('set')
    for (const process of everywhere) {
      const value = await process.get(path)
      if (isSet) expect(value).toEqual(PUT)
      else if (asked === 'meanwhile') expect(value).toEqual(NEW)
      // A process that is about to ask does not know which comes first, and is on the safe side.
      else if (moment === 'before the lease') expect([NEW, undefined]).toContainEqual(value)
      else expect(value).toBeUndefined()
    }
    for (const process of everywhere) {
      expect(await process.obtain(way, id, NEW)).toEqual(isSet ? PUT : NEW)
      expect(await process.get(path)).toEqual(isSet ? PUT : NEW)
    }
  }
})
