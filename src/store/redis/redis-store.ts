import { randomBytes } from 'node:crypto'
import { encodeBody, lifetimeOf } from '../../entry/body.js'
import { frameId } from '../../entry/frame.js'
import { joinGenerations } from '../../entry/generation.js'
import { MAX_FRAME_BYTES } from '../../entry/layout.js'
import { encodeProvenance } from '../../entry/provenance.js'
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
import { MARKER_LIFE_MS, SECRET_BYTES, TOMBSTONE_LIFE_MS } from '../store.js'
import { Batching } from './batching.js'
import { Connection } from './connection.js'
import { LeaseEvents } from './lease-events.js'
import { Listing } from './listing.js'
import { Names } from './names.js'
import { notResponding } from './not-responding.js'
import { peek } from './peek.js'
import { Reclaiming } from './reclaiming.js'
import type { ScriptReply } from './script-calls.js'
import { OBSERVE, WRITE } from './scripts/entries.js'
import { CLEAR, EXPIRE, REMOVE } from './scripts/invalidations.js'
import { ACQUIRE, COMMIT, RELEASE, RENEW } from './scripts/leases.js'
import { PROBE } from './scripts/probe.js'
import { DONE } from './scripts/script.js'
import { SECRET } from './scripts/secret.js'
import { RedisStatistics } from './statistics.js'
import type { RedisTarget } from './target.js'
import { RedisTracking } from './tracking.js'
import { readUsage } from './usage.js'

export interface RedisStoreOptions {
  readonly redis: RedisTarget
  readonly keyPrefix: string
  /** Deadline of an operation in milliseconds, connecting included. */
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  /** Maximum size of a frame that is fetched. Default: the maximum that this cache writes. */
  readonly maxFrameBytes?: number | undefined
}

/** Life of a secret that no process reads: signatures expire much earlier. */
const SECRET_LIFE_MS = 86_400_000

/** A store in a Redis server. Every process with the same key prefix sees the same entries. */
export class RedisStore implements Store {
  readonly shared = true
  readonly statistics: RedisStatistics
  readonly tracking: RedisTracking
  readonly health: StoreHealth
  readonly #connection: Connection
  readonly #names: Names
  readonly #batching: Batching
  readonly #reclaiming: Reclaiming
  readonly #listing: Listing
  readonly #leaseEvents: LeaseEvents
  readonly #timeoutMs: number

  constructor({
    redis,
    keyPrefix,
    timeoutMs,
    connectTimeoutMs,
    maxFrameBytes = MAX_FRAME_BYTES,
  }: RedisStoreOptions) {
    this.#connection = new Connection(redis, connectTimeoutMs, timeoutMs)
    this.health = this.#connection.health
    this.#names = new Names(this.#connection.clientPrefix + keyPrefix)
    this.tracking = new RedisTracking(this.#connection, this.#names, timeoutMs)
    this.#batching = new Batching(this.#connection, this.tracking, timeoutMs, maxFrameBytes)
    this.#reclaiming = new Reclaiming(this.#connection, this.#batching, this.#names, timeoutMs)
    this.#listing = new Listing(this.#connection, this.#names, timeoutMs)
    this.#leaseEvents = new LeaseEvents(this.#connection, this.#names, timeoutMs)
    this.statistics = new RedisStatistics(this.#connection, this.#batching, this.#names, timeoutMs)
    this.#timeoutMs = timeoutMs
  }

  get description(): string {
    return this.#connection.description
  }

  async secret(): Promise<Buffer> {
    const { rest } = await this.#batching.run(
      SECRET,
      [this.#names.secret()],
      ['', randomBytes(SECRET_BYTES), SECRET_LIFE_MS],
    )
    return rest[0] as Buffer
  }

  read(key: CacheKey, { lease = false, tracked = false }: ReadOptions = {}): Promise<ReadResult> {
    if (!lease)
      return this.#batching.readShared(key.text, () => this.#entryKeys(key), this.#toReading, tracked)
    const names = () => [...this.#entryKeys(key), this.#names.lease(key.text)]
    const toResult = (values: (Buffer | null)[], epoch: number | undefined) => ({
      ...this.#toReading(values.slice(0, -1), epoch),
      lease: values.at(-1),
    })
    return this.#batching.readShared(`{lease}${key.text}`, names, toResult, tracked)
  }

  async observe(key: CacheKey): Promise<Observation & ReadResult> {
    const { now, rest } = await this.#batching.run(OBSERVE, this.#entryKeys(key), [newId(), MARKER_LIFE_MS])
    const [frame, ...values] = rest as [Buffer, ...Buffer[]]
    // Copies: a view would keep the whole reply in memory as long as the request.
    return {
      frame,
      frameId: Buffer.from(frameId(frame)),
      generations: values.map((value) => Buffer.from(value)),
      now,
    }
  }

  async write(key: CacheKey, entry: NewEntry, { basis }: WriteOptions = {}): Promise<WriteResult> {
    const id = newId()
    const reply = await this.#batching.run(WRITE, this.#leaseKeys(key), [
      id,
      lifetimeOf(entry),
      encodeBody(entry, this.#now()),
      this.#names.leaseEvents(),
      basis?.frameId ?? '',
      (basis && joinGenerations(basis.generations)) ?? '',
    ])
    return toWriteResult(reply, id)
  }

  async acquire(key: CacheKey, token: Buffer, { leaseMs, awaiting }: AcquireOptions): Promise<AcquireResult> {
    const reply = await this.#batching.run(ACQUIRE, this.#leaseKeys(key), [
      token,
      leaseMs,
      awaiting ? '1' : '0',
    ])
    if (reply.status !== DONE) {
      const [holder, lapsesInMs] = reply.rest as [Buffer, number]
      return { won: false, holder, lapsesInMs }
    }
    const [tookOver, frame, ...generations] = reply.rest as [number, Buffer | null, ...Buffer[]]
    return { won: true, tookOver: tookOver === 1, reading: { frame, generations, now: reply.now } }
  }

  async renew(key: CacheKey, token: Buffer, leaseMs: number): Promise<boolean> {
    const keys = [this.#names.lease(key.text), ...this.#names.generationsAbove(key)]
    const { status } = await this.#batching.run(RENEW, keys, [token, leaseMs])
    return status === DONE
  }

  async commit(
    key: CacheKey,
    token: Buffer,
    entry: NewEntry,
    { unchanged }: CommitOptions = {},
  ): Promise<WriteResult> {
    const id = newId()
    const body = encodeBody(entry, this.#now())
    const { length } = entry.payload
    const reply = await this.#batching.run(COMMIT, this.#leaseKeys(key), [
      id,
      token,
      lifetimeOf(entry),
      unchanged ? body.subarray(0, body.length - length) : body,
      this.#names.leaseEvents(),
      unchanged ?? '',
      length,
    ])
    return toWriteResult(reply, id)
  }

  async release(key: CacheKey, token: Buffer, { unstored = false }: ReleaseOptions = {}): Promise<void> {
    const keys = [this.#names.entry(key.text), this.#names.lease(key.text)]
    await this.#batching.run(RELEASE, keys, [token, this.#names.leaseEvents(), unstored ? '1' : '0'])
  }

  watch(key: CacheKey, wake: WakeWaiter): LeaseWatch {
    return this.#leaseEvents.watch(key, wake)
  }

  async remove(key: CacheKey, { children, origin }: InvalidateOptions): Promise<boolean> {
    const keys = this.#leaseKeys(key)
    if (children) keys.push(this.#names.generation(key.text))
    const { rest } = await this.#batching.run(REMOVE, keys, [
      newId(),
      TOMBSTONE_LIFE_MS,
      this.#provenance(origin),
      children ? '1' : '0',
      this.#names.leaseEvents(),
    ])
    if (children) this.#reclaiming.request()
    return rest[0] === 1
  }

  async expire(key: CacheKey, { children, origin }: InvalidateOptions): Promise<boolean> {
    const keys = this.#leaseKeys(key)
    if (children) keys.push(this.#names.generation(key.text))
    const { rest } = await this.#batching.run(EXPIRE, keys, [
      newId(),
      this.#provenance(origin),
      children ? '1' : '0',
      this.#names.leaseEvents(),
    ])
    return rest[0] === 1
  }

  async clear(origin: InvalidationOrigin): Promise<void> {
    const keys = [this.#names.topGeneration()]
    await this.#batching.run(CLEAR, keys, [
      newId(),
      TOMBSTONE_LIFE_MS,
      this.#provenance(origin),
      this.#names.leaseEvents(),
    ])
    this.#reclaiming.request()
  }

  peek(key: CacheKey): Promise<PeekResult> {
    return peek(this.#connection, this.#names, key, this.#timeoutMs)
  }

  list(options: ListOptions): Promise<ListPage> {
    return this.#listing.page(options)
  }

  usage(): Promise<StoreUsage | undefined> {
    return readUsage(this.#connection, this.#timeoutMs)
  }

  async check(): Promise<void> {
    await this.#connection.probe(performance.now() + this.#timeoutMs)
    const id = newId()
    const { rest } = await this.#batching.run(PROBE, [this.#names.probe()], [id])
    if (!(rest[0] instanceof Buffer) || !rest[0].equals(id)) {
      throw notResponding('a value that was just written could not be read')
    }
  }

  async close(): Promise<void> {
    this.#leaseEvents.close()
    this.tracking.close()
    await Promise.all([this.#reclaiming.close(), this.#batching.flush()])
    this.#connection.close()
  }

  /** Names of an entry and of the generations above it. */
  #entryKeys(key: CacheKey): string[] {
    return [this.#names.entry(key.text), ...this.#names.generationsAbove(key)]
  }

  /** Names of an entry, its lease and the generations above it. */
  #leaseKeys(key: CacheKey): string[] {
    return [this.#names.entry(key.text), this.#names.lease(key.text), ...this.#names.generationsAbove(key)]
  }

  readonly #toReading = (
    [frame = null, ...generations]: (Buffer | null)[],
    epoch: number | undefined,
  ): ReadResult => {
    return { frame, generations, now: this.#now(), epoch }
  }

  #now(): number {
    return this.#batching.clock.at(performance.now())
  }

  #provenance(origin: InvalidationOrigin): Buffer {
    return encodeProvenance({ ...origin, at: this.#now() })
  }
}

function toWriteResult({ status, rest }: ScriptReply, id: Buffer): WriteResult {
  if (status === DONE) return { written: true, id }
  return String(rest[0]) === '1' ? { written: false, fenced: true } : { written: false }
}
