import fc, { type Scheduler } from 'fast-check'
import { expect } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { cacheWith } from '../../src/create-cache.js'
import type { Ttl } from '../../src/duration.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { CacheKey } from '../../src/key/cache-key.js'
import { resolveOptions } from '../../src/options.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { ReadOptions, Store } from '../../src/store/store.js'
import { type StoreOperation, wrapStore } from '../../src/store/wrap-store.js'
import type { Gate } from './gate.js'
import { Stream } from './stream.js'

/**
 * The steps between a process and the store, and between a computation and its
 * data, comes in any order: each step of the real election, of the real request
 * memory and of the real process memory is a task of fast-check's scheduler.
 *
 * Rule: a read that starts after an invalidation has returned never yields a
 * version older than the one at that invalidation; after a soft expiry, a read
 * without a grace. With a process memory, an invalidation by another process
 * counts once it was proved that it has been reported.
 */
export const RUNS = Number(process.env.RUNS ?? 100)

/** Operations that take place at once. */
const UNSCHEDULED: ReadonlySet<StoreOperation> = new Set([
  'renew',
  'peek',
  'list',
  'check',
  'secret',
  'usage',
])

/** Operations that change entries. */
const CHANGING: ReadonlySet<StoreOperation> = new Set([
  ...(['observe', 'write', 'remove', 'expire', 'clear', 'acquire', 'commit'] as const),
])

/** A store each of whose operations waits to be carried out, and its answer to be delivered. */
function scheduled(
  s: Scheduler,
  store: Store,
  name: string,
  { fails, streams, own }: { fails: (operation: string) => boolean; streams: Stream[]; own?: Stream },
) {
  const { statistics: _, ...wrapped } = wrapStore(store, async (operation, proceed, args) => {
    const key = args[0] instanceof CacheKey ? args[0] : undefined
    if (UNSCHEDULED.has(operation)) return await proceed()
    const options = args[1] as ReadOptions | undefined
    const epoch = operation === 'read' && options?.tracked ? own?.epoch : undefined
    const label = `${name} ${operation} ${key?.text ?? ''}`
    await s.schedule(Promise.resolve(), label)
    if (fails(operation)) throw new CacheNotRespondingError('down')
    if (epoch !== undefined && key) own?.track(namesOf(key))
    const answer = await (CHANGING.has(operation) ? announced(proceed, key) : proceed())
    await s.schedule(Promise.resolve(), `${label}, answer`)
    return epoch !== undefined && own?.epoch === epoch ? { ...answer, epoch } : answer
  })
  /** Notifies the readers of the entries that an operation changes. */
  const announced = async <T>(proceed: () => Promise<T>, key: CacheKey | undefined): Promise<T> => {
    if (streams.length === 0) return proceed()
    // Nothing of this lets anything else happen in between.
    const before = values(key)
    const answer = proceed()
    const after = values(key)
    const [old, current] = await Promise.all([before, after])
    const changed = [...current]
      .filter(([known, bytes]) => !same(old.get(known), bytes))
      .map(([known]) => known)
    for (const stream of streams) stream.change(changed)
    return await answer
  }
  const values = async (key: CacheKey | undefined): Promise<Map<string, Buffer | null>> => {
    // The children of a key have its generation above them.
    const below = key ? CacheKey.from(`${key.text}::below`) : CacheKey.from('below')
    const [entry, { generations }] = await Promise.all([key && store.read(key), store.read(below)])
    const all = new Map(
      ['', ...below.ancestors].map((path, depth) => [`above ${path}`, generations[depth] ?? null]),
    )
    return key && entry ? all.set(`at ${key.text}`, entry.frame) : all
  }
  const namesOf = (key: CacheKey) =>
    ['', ...key.ancestors].map((path) => `above ${path}`).concat(`at ${key.text}`)
  const steps: Store = { ...wrapped, description: name, shared: true, ...(own && { tracking: own }) }
  return steps
}

function same(one: Buffer | null | undefined, other: Buffer | null): boolean {
  return one ? other !== null && one.equals(other) : other === null
}

/** The versions below which no read may fall any more. */
export class Floors {
  readonly #hard = new Map<string, number>()
  readonly #soft = new Map<string, number>()

  raise(key: string, version: number, how: 'hard' | 'soft'): void {
    const floors = how === 'hard' ? this.#hard : this.#soft
    floors.set(key, Math.max(floors.get(key) ?? 0, version))
  }

  raiseAll(other: Floors): void {
    for (const [key, version] of other.#hard) this.raise(key, version, 'hard')
    for (const [key, version] of other.#soft) this.raise(key, version, 'soft')
  }

  copy(): Floors {
    const copy = new Floors()
    copy.raiseAll(this)
    return copy
  }

  /** The oldest version for a reader with or without a grace period. */
  of(key: string, grace: boolean): number {
    return Math.max(this.#hard.get(key) ?? 0, grace ? 0 : (this.#soft.get(key) ?? 0))
  }
}

interface CheckOptions {
  readonly grace?: boolean
  /** The stream of the reading process, if it has a process memory. */
  readonly stream?: Stream | undefined
}

/** The origin of the values: the version of each key, and the oldest one that a read may yield. */
export class Database {
  readonly #s: Scheduler
  readonly #versions = new Map<string, number>()
  /** The oldest version that a read may yield after the completed invalidations. */
  readonly floors = new Floors()
  readonly violations: string[] = []

  constructor(s: Scheduler) {
    this.#s = s
  }

  /** Reads a version: it may be old when it is used. */
  readonly load = async (key: string): Promise<number> => {
    await this.#s.schedule(Promise.resolve(), `database ${key}`)
    const version = this.#versions.get(key) ?? 0
    await this.#s.schedule(Promise.resolve(), `database ${key}, answer`)
    return version
  }

  /** A read whose result arrives when a gate is opened. */
  slowly(gate: Gate): (key: string) => Promise<number> {
    return async (key) => {
      await this.#s.schedule(Promise.resolve(), `database ${key}`)
      const version = this.#versions.get(key) ?? 0
      await gate.pass()
      return version
    }
  }

  /** Changes keys, then invalidates or expires them; with a stream, in the process of that stream. */
  async change(
    keys: readonly string[],
    invalidate: (versions: readonly number[]) => Promise<unknown>,
    how: 'hard' | 'soft' = 'hard',
    stream?: Stream,
  ): Promise<void> {
    await this.#s.schedule(Promise.resolve(), `database, change ${keys}`)
    const versions = keys.map((key) => (this.#versions.get(key) ?? 0) + 1)
    keys.forEach((key, index) => void this.#versions.set(key, versions[index]!))
    await invalidate(versions)
    keys.forEach((key, index) => {
      this.floors.raise(key, versions[index]!, how)
      stream?.floors.raise(key, versions[index]!, how)
    })
  }

  /** Holds one read to the rule. */
  async check(
    key: string,
    read: () => Promise<number | undefined>,
    { grace = false, stream }: CheckOptions = {},
  ): Promise<void> {
    const floors = stream?.epoch === undefined ? this.floors : stream.floors
    const floor = floors.of(key, grace)
    const version = await read()
    if (version !== undefined && version < floor) {
      this.violations.push(`${key}: version ${version} after an invalidation at ${floor} had returned`)
    }
  }
}

export interface World {
  readonly s: Scheduler
  readonly store: MemoryStore
  readonly database: Database
  /** Two processes on one store. */
  readonly caches: readonly [KeyedCache, KeyedCache]
  /** The stream of each process with a process memory. */
  readonly streams: readonly [Stream | undefined, Stream | undefined]
}

export interface WorldOptions {
  readonly store?: MemoryStore
  readonly fails?: (operation: string) => boolean
  readonly lease?: Ttl
  /** Number of processes with a process memory. */
  readonly memories?: 0 | 1 | 2
  /** Whether failed invalidations are repeated at once, which takes place in any order too. */
  readonly replays?: boolean
}

export function worldOf(
  s: Scheduler,
  {
    store = new MemoryStore({ maxEntries: 500 }),
    fails = () => false,
    lease = '5s',
    memories = 0,
    replays = false,
  }: WorldOptions = {},
): World {
  const database = new Database(s)
  const streams = ['one', 'two'].slice(0, memories).map((name) => new Stream(s, name, database))
  const open = (name: string, failing: (operation: string) => boolean, own?: Stream) => {
    const options = resolveOptions({
      store: scheduled(s, store, name, { fails: failing, streams, ...(own && { own }) }),
      timeouts: { store: '1h', lease },
      logger: { warn() {} },
      ...(own && { memory: { maxEntries: 50 } }),
    })
    return cacheWith(replays ? { ...options, storeTimeoutMs: 0 } : options)
  }
  return {
    s,
    store,
    database,
    caches: [open('one', fails, streams[0]), open('two', () => false, streams[1])],
    streams: [streams[0], streams[1]],
  }
}

/** No schedule violates the rule. `play` resolves when all is done that may break it. */
export function holds(
  play: (world: World) => Promise<unknown>,
  options: () => WorldOptions = () => ({}),
): Promise<void> {
  return fc.assert(
    fc.asyncProperty(fc.scheduler(), async (s) => {
      const world = worldOf(s, options())
      await s.waitFor(play(world))
      expect(world.database.violations).toEqual([])
    }),
    { numRuns: RUNS },
  )
}
