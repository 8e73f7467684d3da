import { expect } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { joinGenerations } from '../../src/entry/generation.js'
import { type Lease, parseLease } from '../../src/entry/lease.js'
import { CacheKey } from '../../src/key/cache-key.js'
import { Names } from '../../src/store/redis/names.js'
import { RedisStore } from '../../src/store/redis/redis-store.js'
import { SingleServer } from '../../src/store/redis/single-server.js'
import type { Store } from '../../src/store/store.js'
import { wrapStore } from '../../src/store/wrap-store.js'
import { entryStateOf } from '../../src/tiers/entry-state.js'
import { SteppedServers } from './stepped-servers.js'
import { Steps } from './steps.js'

/** The key of a parent, and one below it. */
export type Place = 'a' | 'b'
const KEYS: Readonly<Record<Place, CacheKey>> = { a: CacheKey.from('a'), b: CacheKey.from('a::b') }
const PLACES = ['a', 'b'] as const

/** What a caller does, one after the other. */
export type Operation =
  /** Reads. */
  | readonly ['get', Place]
  /** In one request: reads, and after a miss reads the data and sets it. */
  | readonly ['fill', Place]
  | readonly ['getOrSet', Place]
  /** The same, and accepts a stale value. */
  | readonly ['serve', Place]
  /** Changes the data and sets it at once. */
  | readonly ['set', Place]
  /** Changes the data. */
  | readonly ['change']
  | readonly ['delete', Place]
  | readonly ['delete tree']
  | readonly ['clear']
  | readonly ['expire', Place]
  | readonly ['expire tree']
  /** The server evicts the generation of `a`. */
  | readonly ['evict']

/** A caller in one of two processes. */
export interface Caller {
  readonly process: 0 | 1
  readonly operations: readonly Operation[]
  /** What another caller does once this one is done. */
  readonly next?: Caller
}

export interface Configuration {
  readonly callers: readonly Caller[]
  /**
   * What is stored at first: nothing; generations; a value; a value under a generation that was replaced; a value whose
   * generation is missing.
   */
  readonly store: 'empty' | 'generations' | 'warm' | 'dead' | 'lost'
  /** What the processes know of generations: what is true, nothing, or what was true before `a` or all was deleted. */
  readonly known: 'true' | 'none' | 'old' | 'oldest'
  /** Maximum number of computations. */
  readonly maxRuns?: number
}

interface OpenSet {
  readonly place: Place
  readonly process: number
  /** The value that is set. */
  readonly token: number
  /** Whether anything has covered the key since it began. */
  isCovered: boolean
  /** An own invalidation that began after it has returned. */
  isUndone: boolean
}

const NEVER = -1
const STORED = { ttl: '1h', grace: '1h' } as const

let runs = 0

/**
 * Two processes, each with a cache on Redis, whose steps are taken in an order that follows from the seed. After each step
 * the store is held to what the cache promises.
 */
export class World {
  readonly #steps: Steps
  readonly #servers: SteppedServers[] = []
  readonly #caches: KeyedCache[] = []
  readonly #admin: RedisStore
  readonly #names: Names
  readonly #configuration: Configuration
  readonly #open = new Set<OpenSet>()
  /** What plain writes and invalidations that are under way cover. */
  readonly #covering: (readonly Place[])[] = []
  /** The version of the data that each value was made from. */
  readonly #versions = new Map<number, number>()
  /** The values of fills, which count as of the data that they were made from. */
  readonly #filled = new Set<number>()
  readonly #violations: string[] = []
  #version = 0
  #computed = 0
  /** Versions before which no stored value may be live, or fresh. */
  readonly #hard: Record<Place, number> = { a: 0, b: 0 }
  readonly #soft: Record<Place, number> = { a: 0, b: 0 }
  /** Values that must be readable, or 0 for any. */
  readonly #must: Record<Place, number> = { a: NEVER, b: NEVER }
  /** The value that can be read. */
  #readable: Record<Place, number> = { a: NEVER, b: NEVER }
  /** The lease of `b` after the last step. */
  #lease: Lease | undefined
  /** Whether `b` was readable when `a` was deleted with its children. */
  #wasReadable = false

  constructor(redis: string, configuration: Configuration, seed: number) {
    const keyPrefix = `run${++runs}`
    const options = { redis, keyPrefix, timeoutMs: 30_000, connectTimeoutMs: 5_000 }
    this.#configuration = configuration
    this.#steps = new Steps(seed)
    this.#names = new Names(keyPrefix)
    this.#admin = new RedisStore(options)
    for (const process of ['one', 'two']) {
      const store = new RedisStore({
        ...options,
        openServers: (given) => {
          const servers = new SteppedServers(new SingleServer(given), this.#steps, process)
          this.#servers.push(servers)
          return servers
        },
      })
      this.#caches.push(
        createCache({
          store: withoutReports(store),
          keyPrefix: 'cache',
          timeouts: { store: '30s', wait: '1m', lease: '1m' },
          logger: { warn() {} },
        }),
      )
    }
  }

  /** Runs all callers, and fails where a promise is broken. */
  async run(): Promise<void> {
    try {
      await this.#prepare()
      for (const servers of this.#servers) servers.isStepped = true
      await this.#check('begin')
      const calling = Promise.all(
        this.#configuration.callers.map(async (caller, index) => {
          for (let current: Caller | undefined = caller; current; current = current.next) {
            for (const operation of current.operations) {
              await this.#steps.take(`caller ${index} ${operation.join(' ')}`, () => {})
              await this.#do(current.process, operation)
            }
          }
        }),
      )
      await this.#steps.runUntil(calling, (label) => this.#check(label))
      for (const servers of this.#servers) servers.isStepped = false
      expect(this.#violations, this.#steps.trace.join('\n')).toEqual([])
    } finally {
      for (const servers of this.#servers) servers.isStepped = false
      await Promise.all([...this.#caches, this.#admin].map((one) => one.close()))
    }
  }

  async #prepare(): Promise<void> {
    const { store, known } = this.#configuration
    const caches = this.#caches as [KeyedCache, KeyedCache]
    if (store === 'empty') return
    const write = { ...{ format: 2, payload: Buffer.from('0'), ttlMs: 3_600_000 }, writtenBy: 'test:0' }
    const origin = { process: 'test:0' }
    const tree = CacheKey.from('a')
    await this.#admin.write(CacheKey.from('a::beside'), write)
    if (known === 'old' || known === 'oldest') {
      for (const cache of caches) await cache.set('a::beside', 0, STORED)
      if (known === 'old') await this.#admin.remove(tree, { children: true, origin })
      else await this.#admin.clear(origin)
      await this.#admin.write(CacheKey.from('a::other'), write)
    } else if (known === 'true') for (const cache of caches) await cache.set('a::beside', 0, STORED)
    if (store === 'warm' || store === 'dead' || store === 'lost') await this.#admin.write(KEYS.b, write)
    if (store === 'warm') await this.#admin.write(KEYS.a, write)
    if (store === 'dead') {
      await this.#admin.remove(tree, { children: true, origin })
      await this.#admin.write(CacheKey.from('a::other'), write)
      // A dead value counts as a cold place to those who know what is true.
      if (known === 'true') for (const cache of caches) await cache.set('a::beside', 0, STORED)
    }
    if (store === 'lost') await this.#evict()
  }

  async #evict(): Promise<void> {
    const [master] = await this.#servers[0]!.masters()
    await master!.send(['DEL', this.#names.generation('a')])
  }

  async #do(process: 0 | 1, operation: Operation): Promise<void> {
    const cache = this.#caches[process] as KeyedCache
    switch (operation[0]) {
      case 'change':
        this.#version++
        return
      case 'get':
        return this.#answered(operation, await this.#floored(operation[1], (key) => cache.get<number>(key)))
      case 'getOrSet':
      case 'serve': {
        const isServing = operation[0] === 'serve'
        const load = async () => {
          this.#computed++
          return await this.#load(process)
        }
        const options = isServing ? STORED : { ttl: STORED.ttl }
        const read = (key: CacheKey) => cache.getOrSet<number>(key, load, options)
        return this.#answered(operation, await this.#floored(operation[1], read, isServing))
      }
      case 'fill':
        return await this.#fill(cache, process, operation[1])
      case 'set':
        this.#version++
        return await this.#set(process, operation[1], this.#made(), (key, token) =>
          cache.set(key, token, STORED),
        )
      case 'delete':
        return await this.#invalidate(process, [operation[1]], 'hard', () => cache.delete(KEYS[operation[1]]))
      case 'expire':
        return await this.#invalidate(process, [operation[1]], 'soft', () => cache.expire(KEYS[operation[1]]))
      case 'expire tree':
        return await this.#invalidate(process, PLACES, 'soft', () => cache.expire(KEYS.a, { children: true }))
      case 'evict':
        return await this.#covered(PLACES, () => this.#evict())
      case 'clear':
        return await this.#invalidate(process, PLACES, 'hard', () => cache.clear())
      case 'delete tree':
        return await this.#invalidate(process, PLACES, 'hard', async () => {
          this.#wasReadable = false
          const wasThere = await cache.delete(KEYS.a, { children: true })
          if (!wasThere && this.#wasReadable) {
            this.#violations.push('a delete with children says that nothing was there, though b was readable')
          }
        })
    }
  }

  async #fill(cache: KeyedCache, process: 0 | 1, place: Place): Promise<void> {
    await cache.withRequestMemory(async (bound) => {
      const found = await this.#floored(place, (key) => bound.get<number>(key))
      if (found.token !== undefined) return this.#answered(['fill', place], found)
      const token = await this.#load(process)
      this.#filled.add(token)
      await this.#steps.take(`${process} sets it`, () => {})
      await this.#set(process, place, token, (key, value) => bound.set(key, value, STORED), true)
    })
  }

  async #set(
    process: number,
    place: Place,
    token: number,
    set: (key: CacheKey, token: number) => Promise<boolean>,
    isFill = false,
  ): Promise<void> {
    const isCovered = this.#covering.some((places) => places.includes(place))
    const open: OpenSet = { place, process, token, isCovered, isUndone: false }
    const setting = () => set(KEYS[place], token)
    this.#open.add(open)
    const isStored = await (isFill ? setting() : this.#covered([place], setting, open))
    this.#open.delete(open)
    const version = this.#versions.get(token) as number
    if (!isFill) this.#hard[place] = Math.max(this.#hard[place], version)
    if (isStored && !open.isCovered) this.#must[place] = isFill ? 0 : token
    await this.#look()
    if (!isFill && open.isUndone && this.#readable[place] === token) {
      this.#violations.push(`a set of ${place} undoes what its process has invalidated since it began`)
    }
  }

  async #invalidate(
    process: number,
    places: readonly Place[],
    how: 'hard' | 'soft',
    invalidate: () => Promise<unknown>,
  ): Promise<void> {
    const version = this.#version
    const before = [...this.#open].filter((open) => open.process === process && places.includes(open.place))
    await this.#covered(places, invalidate)
    const floors = how === 'hard' ? this.#hard : this.#soft
    for (const place of places) floors[place] = Math.max(floors[place], version)
    if (how === 'hard') for (const open of before) open.isUndone = true
  }

  /** While something is done to these keys, nothing that was promised of them holds. */
  async #covered<T>(places: readonly Place[], action: () => Promise<T>, own?: OpenSet): Promise<T> {
    const cover = () => {
      for (const place of places) this.#must[place] = NEVER
      for (const open of this.#open) {
        if (open !== own && places.includes(open.place)) open.isCovered = true
      }
    }
    cover()
    this.#covering.push(places)
    try {
      return await action()
    } finally {
      this.#covering.splice(this.#covering.indexOf(places), 1)
      cover()
    }
  }

  /** A new value, made from the data as it is now. */
  #made(): number {
    const token = this.#versions.size + 1
    this.#versions.set(token, this.#version)
    return token
  }

  async #load(process: number): Promise<number> {
    const token = await this.#steps.take(`${process} reads the data`, () => this.#made())
    return await this.#steps.take(`${process} reads the data: answer`, () => token)
  }

  async #floored(place: Place, read: (key: CacheKey) => Promise<number | undefined>, acceptsStale = false) {
    const floor = Math.max(this.#hard[place], acceptsStale ? 0 : this.#soft[place])
    return { floor, token: await read(KEYS[place]) }
  }

  #answered(operation: Operation, { floor, token }: { floor: number; token: number | undefined }): void {
    if (token === undefined) return
    const version = this.#versions.get(token) ?? 0
    if (version < floor) {
      this.#violations.push(`${operation.join(' ')}: version ${version} after an invalidation at ${floor}`)
    }
  }

  async #check(label: string): Promise<void> {
    if (label.includes('REMOVE') && label.endsWith(':a')) this.#wasReadable ||= this.#readable.b !== NEVER
    const stored = await this.#look()
    // A plain write that is under way counts as of its write: what it overtakes then is as if it had come before.
    for (const { place, token } of this.#open) {
      if (label.includes(' WRITE ') && stored[place].token === token && !this.#filled.has(token)) {
        this.#versions.set(token, this.#version)
      }
    }
    for (const place of PLACES) {
      const { token, isFresh } = stored[place]
      const version = token === NEVER ? NEVER : (this.#versions.get(token) ?? 0)
      const say = (what: string) => this.#violations.push(`after "${label}": ${what}`)
      if (version !== NEVER && version < this.#hard[place]) {
        say(`${place} holds version ${version} after an invalidation at ${this.#hard[place]}`)
      }
      if (isFresh && version < this.#soft[place]) {
        say(`${place} holds version ${version} as fresh after an expiry at ${this.#soft[place]}`)
      }
      const must = this.#must[place]
      if (must !== NEVER && !(isFresh && (must === 0 || token === must))) {
        say(`value ${must} of ${place} was stored, not invalidated, and cannot be read`)
        this.#must[place] = NEVER
      }
    }
    await this.#checkLease(label)
    const { maxRuns } = this.#configuration
    if (maxRuns !== undefined && this.#computed > maxRuns) {
      this.#violations.push(`computed ${this.#computed} times`)
    }
  }

  /** A lease is taken from its holder only if its generations were replaced. */
  async #checkLease(label: string): Promise<void> {
    const { lease: bytes, generations } = await this.#admin.read(KEYS.b, { lease: true })
    const lease = bytes ? parseLease(bytes) : undefined
    const before = this.#lease
    const isStolen = label.includes('ACQUIRE') && before && lease && !before.token.equals(lease.token)
    if (isStolen && joinGenerations(generations)?.equals(before.started)) {
      this.#violations.push(`after "${label}": a lease was taken whose generations are current`)
    }
    this.#lease = lease
  }

  async #look() {
    const look = async (place: Place) => {
      const entry = await entryStateOf(await this.#admin.read(KEYS[place]), 1e6)
      const isLive = entry.state === 'fresh' || entry.state === 'stale'
      return { token: isLive ? (entry.value as number) : NEVER, isFresh: entry.state === 'fresh' }
    }
    const [a, b] = await Promise.all([look('a'), look('b')])
    this.#readable = { a: a.isFresh ? a.token : NEVER, b: b.isFresh ? b.token : NEVER }
    return { a, b }
  }
}

/** Without statistics, which would be steps too. */
function withoutReports(store: RedisStore): Store {
  const { statistics: _, ...rest } = wrapStore(store, async (_operation, proceed) => await proceed())
  return rest
}
