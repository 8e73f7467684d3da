import { randomBytes } from 'node:crypto'
import { MAX_FRAME_BYTES } from '../../entry/layout.js'
import type { CacheKey } from '../../key/cache-key.js'
import type { StoreHealth } from '../health.js'
import { newId } from '../ids.js'
import type {
  AcquireOptions,
  AcquireResult,
  CommitOptions,
  InvalidateOptions,
  InvalidationOrigin,
  LeaseWatch,
  ListOptions,
  ListPage,
  NewEntry,
  Observation,
  PeekResult,
  ReadOptions,
  ReadResult,
  ReleaseOptions,
  Store,
  StoreUsage,
  WakeWaiter,
  WriteOptions,
  WriteResult,
} from '../store.js'
import { SECRET_BYTES } from '../store.js'
import { LeaseEvents } from './lease-events.js'
import { Listing } from './listing.js'
import { Names } from './names.js'
import { notResponding } from './not-responding.js'
import { openServers as openServersOf } from './open-servers.js'
import { peek } from './peek.js'
import { Fills } from './protocol/fills.js'
import { Generations } from './protocol/generations.js'
import { Invalidations } from './protocol/invalidations.js'
import { Leases } from './protocol/leases.js'
import { OwnOrder } from './protocol/own-order.js'
import { PlainWrites } from './protocol/plain-writes.js'
import { Values } from './protocol/values.js'
import { Reclaiming } from './reclaiming.js'
import { PROBE } from './scripts/probe.js'
import { SECRET } from './scripts/secret.js'
import type { ServerRead, Servers, ServersOptions } from './servers.js'
import { RedisStatistics } from './statistics.js'
import type { RedisTarget } from './target.js'
import type { StoreTracking } from './tracking.js'
import { readUsage } from './usage.js'

export interface RedisStoreOptions {
  readonly redis: RedisTarget
  readonly keyPrefix: string
  /** Deadline of an operation in milliseconds, connecting included. */
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  /** Maximum size of a frame that is fetched. Default: the maximum that this cache writes. */
  readonly maxFrameBytes?: number | undefined
  /** Opens the servers. Default: those of `redis`. */
  readonly openServers?: (options: ServersOptions) => Servers
}

/** Life of a secret that no process reads: signatures expire much earlier. */
const SECRET_LIFE_MS = 86_400_000

/** A store in a Redis server. Every process with the same key prefix sees the same entries. */
export class RedisStore implements Store {
  readonly shared = true
  readonly statistics: RedisStatistics
  readonly tracking: StoreTracking
  readonly health: StoreHealth
  readonly #servers: Servers
  readonly #names: Names
  readonly #order = new OwnOrder()
  readonly #fills: Fills
  readonly #plainWrites: PlainWrites
  readonly #leases: Leases
  readonly #invalidations: Invalidations
  readonly #reclaiming: Reclaiming
  readonly #listing: Listing
  readonly #leaseEvents: LeaseEvents

  constructor({
    redis,
    keyPrefix,
    timeoutMs,
    connectTimeoutMs,
    maxFrameBytes = MAX_FRAME_BYTES,
    openServers = openServersOf,
  }: RedisStoreOptions) {
    const tracking = () => this.tracking
    const servers = openServers({
      redis,
      connectTimeoutMs,
      timeoutMs,
      maxBytes: maxFrameBytes,
      tracking,
    })
    const names = new Names(servers.clientPrefix + keyPrefix)
    const values = new Values(servers, names)
    const generations = new Generations(servers, names)
    this.#servers = servers
    this.health = servers.health
    this.#names = names
    this.tracking = servers.openTracking(names, timeoutMs)
    this.#fills = new Fills(servers, names, values, generations)
    this.#plainWrites = new PlainWrites(values, generations, this.#order)
    this.#leases = new Leases(servers, names, values, generations)
    this.#invalidations = new Invalidations(servers, names, values, generations, this.#order)
    this.#reclaiming = new Reclaiming(servers, names, timeoutMs)
    this.#listing = new Listing(servers, names)
    this.#leaseEvents = new LeaseEvents(servers, names, timeoutMs)
    this.statistics = new RedisStatistics(servers, names)
  }

  get description(): string {
    return this.#servers.description
  }

  async secret(): Promise<Buffer> {
    const { rest } = await this.#servers.run(
      SECRET,
      [this.#names.secret()],
      ['', randomBytes(SECRET_BYTES), SECRET_LIFE_MS],
    )
    return rest[0] as Buffer
  }

  read(key: CacheKey, options: ReadOptions = {}): Promise<ReadResult> {
    const preparing = this.#order.preparing(key)
    return preparing === undefined ? this.#read(key, options) : preparing.then(() => this.#read(key, options))
  }

  #read(key: CacheKey, { lease = false, tracked = false }: ReadOptions): Promise<ReadResult> {
    const entryNames = () => [this.#names.entry(key.text), ...this.#names.generationsAbove(key)]
    if (!lease) return this.#servers.readShared(key.text, entryNames, toReading, tracked)
    const names = () => [...entryNames(), this.#names.lease(key.text)]
    return this.#servers.readShared(`{lease}${key.text}`, names, toReadingWithLease, tracked)
  }

  observe(key: CacheKey, seen: ReadResult): Promise<Observation & ReadResult> {
    return this.#fills.observe(key, seen)
  }

  write(key: CacheKey, entry: NewEntry, { basis }: WriteOptions = {}): Promise<WriteResult> {
    return basis ? this.#fills.fill(key, entry, basis) : this.#plainWrites.write(key, entry)
  }

  acquire(key: CacheKey, token: Buffer, options: AcquireOptions): Promise<AcquireResult> {
    return this.#leases.acquire(key, token, options)
  }

  renew(key: CacheKey, token: Buffer, leaseMs: number): Promise<boolean> {
    return this.#leases.renew(key, token, leaseMs)
  }

  commit(key: CacheKey, token: Buffer, entry: NewEntry, options?: CommitOptions): Promise<WriteResult> {
    return this.#leases.commit(key, token, entry, options)
  }

  release(key: CacheKey, token: Buffer, { unstored = false }: ReleaseOptions = {}): Promise<void> {
    return this.#leases.release(key, token, unstored)
  }

  watch(key: CacheKey, wake: WakeWaiter): LeaseWatch {
    return this.#leaseEvents.watch(key, wake)
  }

  async remove(key: CacheKey, options: InvalidateOptions): Promise<boolean> {
    const wasThere = await this.#invalidations.remove(key, options)
    if (options.children) this.#reclaiming.request()
    return wasThere
  }

  expire(key: CacheKey, options: InvalidateOptions): Promise<boolean> {
    return this.#invalidations.expire(key, options)
  }

  async clear(origin: InvalidationOrigin): Promise<void> {
    await this.#invalidations.clear(origin)
    this.#reclaiming.request()
  }

  peek(key: CacheKey): Promise<PeekResult> {
    return peek(this.#servers, this.#names, key)
  }

  list(options: ListOptions): Promise<ListPage> {
    return this.#listing.page(options)
  }

  usage(): Promise<StoreUsage | undefined> {
    return readUsage(this.#servers)
  }

  async check(): Promise<void> {
    await this.#servers.probe()
    const names = await this.#servers.probeNames(this.#names)
    await Promise.all(names.map((name) => this.#checkAt(name)))
  }

  /** Proves that the server of this name takes and returns values. */
  async #checkAt(name: string): Promise<void> {
    const id = newId()
    const { rest } = await this.#servers.run(PROBE, [name], [id])
    if (!(rest[0] instanceof Buffer) || !rest[0].equals(id)) {
      throw notResponding('a value that was just written could not be read')
    }
  }

  async close(): Promise<void> {
    this.#leaseEvents.close()
    this.tracking.close()
    await Promise.all([this.#reclaiming.close(), this.#servers.flush()])
    this.#servers.close()
  }
}

function toReading({ values, ...read }: ServerRead): ReadResult {
  const [frame = null, ...generations] = values
  return { frame, generations, ...read }
}

function toReadingWithLease({ values, ...read }: ServerRead): ReadResult {
  return { ...toReading({ values: values.slice(0, -1), ...read }), lease: values.at(-1) }
}
