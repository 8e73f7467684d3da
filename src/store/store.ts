import type { NewEntry } from '../entry/body.js'
import type { Provenance } from '../entry/provenance.js'
import type { CacheKey } from '../key/cache-key.js'
import type { StoreHealth } from './health.js'
import type { Statistics } from './statistics.js'
import type { Tracking } from './tracking.js'

/**
 * Life of a marker: the maximum time from a miss to its fill. A fill that takes longer is refused, since an absent
 * marker proves nothing.
 */
export const MARKER_LIFE_MS = 60_000

/** Life of a tombstone: for this long a delete is known as the reason of a miss. */
export const TOMBSTONE_LIFE_MS = 10 * 60_000

/** Length of a secret. */
export const SECRET_BYTES = 32

/** Result of `read`: the entry and the generations above it, each as it is stored at a moment after the call. */
export interface ReadResult {
  /** The frame of a value, a tombstone or a marker; `null` if there is none. */
  readonly frame: Buffer | null
  /** The generations of all strict ancestors, outermost (the prefix itself) first; `null` for each that is absent. */
  readonly generations: readonly (Buffer | null)[]
  /** Lower bound of the time on the store's clock, in milliseconds since the epoch. Freshness is decided by it. */
  readonly now: number
  /** The lease of the entry, if `ReadOptions.lease` was set; `null` if there is none. */
  readonly lease?: Buffer | null | undefined
  /** Whether the frame and the generations were read at one moment: none is older than another. */
  readonly isOneMoment?: boolean | undefined
  /** The epoch in which every later change is reported, if the read was tracked: see `Tracking`. */
  readonly epoch?: number | undefined
}

export interface ReadOptions {
  /** Reads the lease too. */
  readonly lease?: boolean
  /** Makes `Tracking` report later changes of what is read, so that it may be kept in process memory. */
  readonly tracked?: boolean
}

/**
 * What a request saw at a miss: the id of the frame in the entry's place, and the generations above it. A fill names it,
 * and is refused if anything was invalidated since.
 */
export interface Observation {
  /** Id of the frame. */
  readonly frameId: Buffer
  readonly generations: readonly Buffer[]
}

export type { NewEntry }

export interface WriteOptions {
  /**
   * Makes the write a fill: it is refused unless the observed frame is still stored and the observed generations are
   * still the current ones. Without it the write is unconditional.
   */
  readonly basis?: Observation | undefined
}

export interface CommitOptions {
  /** Id of a frame with the same payload: while it is stored, the payload need not be sent again. */
  readonly unchanged?: Buffer | undefined
}

/** Result of a write or a commit. */
export type WriteResult =
  /** Stored, in a frame with this id. */
  | { readonly written: true; readonly id: Buffer }
  /** Refused; `fenced` if that was for an invalidation after which no value was stored. */
  | { readonly written: false; readonly fenced?: true }

/** Result of `acquire`. */
export type AcquireResult =
  /**
   * The token holds the lease. `reading` was read in the same atomic step: what is computed from data that is read from
   * now on may be committed. `tookOver` if the last holder let its lease lapse.
   */
  | { readonly won: true; readonly reading: ReadResult; readonly tookOver: boolean }
  /** Another token, `holder`, holds the lease, which lapses in `lapsesInMs` milliseconds unless it is renewed. */
  | { readonly won: false; readonly holder: Buffer; readonly lapsesInMs: number }

export interface AcquireOptions {
  /** Time until the lease lapses, in milliseconds. */
  readonly leaseMs: number
  /** Whether the caller waits for the holder if it is refused, to be woken when the lease ends. */
  readonly awaiting: boolean
  /** The reading that was a miss, and for which the lease is acquired. */
  readonly seen?: ReadResult | undefined
}

export interface ReleaseOptions {
  /** Whether the computation has ended with a value that is not stored: waiters compute it themselves. */
  readonly unstored?: boolean
}

/** Wakes a waiter. `unstored` if the computation that it waits for has ended with a value that is not stored. */
export type WakeWaiter = (unstored: boolean) => void

/** A waiter's subscription to the lease events of a key. */
export interface LeaseWatch {
  /** Whether events arrive at the moment. A waiter polls while they do not. */
  readonly active: boolean
  /** Resolves when events arrive, or when that has failed. */
  activate(): Promise<void>
  stop(): void
}

/** Source of an invalidation. The store adds the time. */
export type InvalidationOrigin = Omit<Provenance, 'at'>

export interface InvalidateOptions {
  /** Whether everything below the key is invalidated too. */
  readonly children: boolean
  readonly origin: InvalidationOrigin
}

/** Result of `peek`. */
export interface PeekResult extends ReadResult {
  /** Milliseconds until the frame expires. */
  readonly ttlMs: number
  /** Size of the frame. */
  readonly bytes: number
}

/** One live entry of a listing. */
export interface ListedEntry {
  readonly key: CacheKey
  /** Size of the frame. */
  readonly bytes: number
  /** Milliseconds until it becomes stale; 0 if it is stale already, within its grace. */
  readonly ttlMs: number
  /** On the store's clock, in milliseconds since the epoch. */
  readonly writtenAt: number
  /** The process that wrote it: `host:pid`. */
  readonly writtenBy: string
  /** Milliseconds that computing it took; 0 for a value that was set. */
  readonly computingMs: number
}

/** A page of a listing. */
export interface ListPage {
  readonly entries: readonly ListedEntry[]
  /** Cursor of the next page; `undefined` after the last. It is part of URLs, so it contains no readable name. */
  readonly cursor: string | undefined
  /** Number of names that were examined for this page. */
  readonly scanned: number
  /** Approximate number of all names. */
  readonly total: number
}

/** How full a store is. For a Redis that includes the data of other applications. */
export interface StoreUsage {
  readonly usedBytes: number
  /** `undefined` without a limit. */
  readonly maxBytes: number | undefined
  /** Number of keys that were evicted since the store started. */
  readonly evictions: number
  /** The store's name of what it does when it is full: `allkeys-lru`, `noeviction`. */
  readonly policy: string
  /** Why this policy does not suit a cache, or why the store will soon refuse values, as a sentence. */
  readonly warning?: string | undefined
}

export interface ListOptions {
  /** Lists this key and the keys below it only. */
  readonly under?: CacheKey | undefined
  /** Lists keys for which it returns true; no value is read of the others. */
  readonly matches?: ((key: CacheKey) => boolean) | undefined
  /** `ListPage.cursor` of the page before. */
  readonly cursor?: string | undefined
  /** Approximate number of names to examine. A page may have fewer live entries, or none. */
  readonly scan: number
}

/**
 * Where entries are stored: the interface of a store of your own. `storeChecks` of
 * `keyedcache/testing` (`src/testing/store-checks.ts`) checks every promise of it.
 *
 * 1. **Time.** An operation that is not carried out in time rejects with a `CacheNotRespondingError`, and does not take
 *    effect later. The cache itself rejects when `timeouts.store` is over, and for every other error of the store.
 * 2. **Atomicity.** `observe`, `write`, `remove`, `expire`, `clear`, `acquire`, `renew`, `commit` and `release` are one
 *    atomic step each, or have no other effects than such a step. A read sees all operations, of every process, that have
 *    resolved before its call.
 * 3. **Ids.** No id of a frame or a generation is ever used twice: 12 random bytes.
 * 4. **Absence proves nothing.** An entry, a generation or a lease may vanish at any time (eviction, expiry, restart).
 *    An absent generation matches none, so a value below it is not live. An absent frame matches no observation.
 * 5. **Fencing.** `write`, `remove` and `expire` of a key end its lease. `remove` and `expire` with children, and
 *    `clear`, make void every lease below. The commit of an ended or void lease is refused, and so is a fill whose
 *    observation was made before the invalidation.
 * 6. **Order.** Writes of one key by one process take effect in the order of their calls. Calls of one tick may share a
 *    command, in which the writes come before the reads.
 * 7. **Foreign data.** Bytes that are not a frame, a generation or a lease count as absent, and are replaced by the next
 *    write.
 *
 * An entry is live if every generation above it is the one that its frame has. It is stale, though live, if it was
 * expired, or its time to live is over.
 */
export interface Store {
  /** Name for people: `redis 127.0.0.1:6379/0` or `in-memory store`. It contains no password. */
  readonly description: string
  /** Whether other processes see the same entries. */
  readonly shared: boolean

  /** Figures of all processes. Without it each process has its own. */
  readonly statistics?: Statistics

  /** Reports changes of what was read. Without it nothing is kept in process memory. */
  readonly tracking?: Tracking

  /** Its circuit breakers. A store of the application gets one, in the place of its own. */
  readonly health?: StoreHealth

  /**
   * Returns `SECRET_BYTES` random bytes that only the processes of this cache know, to sign and verify with. It is made
   * at the first call and is not affected by `clear`. Without this method each process has its own secret, and accepts
   * no signature of another.
   */
  secret?(): Promise<Buffer>

  /** Reads an entry and the generations above it. Changes nothing. */
  read(key: CacheKey, options?: ReadOptions): Promise<ReadResult>

  /**
   * Prepares a fill after a miss, and returns what is stored then; `seen` is the reading that was the miss. In one atomic
   * step:
   * - an absent frame, or a value that is not live, is replaced by a marker with a new id;
   * - a tombstone or a marker is prolonged to `MARKER_LIFE_MS`;
   * - a live value stays as it is;
   * - absent generations are made.
   */
  observe(key: CacheKey, seen: ReadResult): Promise<Observation & ReadResult>

  /**
   * Stores a value under a new id, and ends the lease of the key.
   * - Without `basis` it is always stored, unless the store has no room for it.
   * - With `basis` it is a fill, refused if the frame or a generation is another than the observed one.
   *
   * Generations above it are made if they are absent, and live at least as long as the value.
   */
  write(key: CacheKey, entry: NewEntry, options?: WriteOptions): Promise<WriteResult>

  /**
   * Replaces the entry by a tombstone with a new id, and ends its lease. With `children` it also replaces the generation
   * of the key, if there is one: everything below is not live from then on.
   * Resolves to whether anything was there: a live value, or with `children` a generation in use.
   */
  remove(key: CacheKey, options: InvalidateOptions): Promise<boolean>

  /**
   * Makes a live value stale. It keeps its remaining life, and gets a new id; the first of several expiries counts for
   * its grace. Ends the lease of the key. With `children` the generation of the key enters its next era: everything below
   * is stale from then on. Fills and commits that began before are refused, as after a `remove`.
   * Resolves to whether anything was there, as `remove` does.
   */
  expire(key: CacheKey, options: InvalidateOptions): Promise<boolean>

  /** Replaces the topmost generation: nothing under the prefix is live from then on. */
  clear(origin: InvalidationOrigin): Promise<void>

  /**
   * Takes the lease of a key: the right to compute and commit its value. Each computation has a token of its own.
   * - Won if there is no lease, or if it is the token's own: calling again is harmless.
   * - Won if its generations are not the current ones: an invalidation has made it void.
   * - Won, and `tookOver`, if it has lapsed.
   * - Refused otherwise. With `awaiting` the caller is woken when the lease ends.
   *
   * Absent generations are made, and live at least as long as the lease.
   */
  acquire(key: CacheKey, token: Buffer, options: AcquireOptions): Promise<AcquireResult>

  /**
   * Prolongs a lease to `leaseMs` from now. Resolves to whether the token holds it. A lapsed lease is the token's own
   * until another token takes it over, or an invalidation ends it.
   */
  renew(key: CacheKey, token: Buffer, leaseMs: number): Promise<boolean>

  /**
   * Stores a computed value and ends the lease, if the token holds it, also lapsed, and the generations that it started
   * from are the current ones. Refused otherwise.
   */
  commit(key: CacheKey, token: Buffer, entry: NewEntry, options?: CommitOptions): Promise<WriteResult>

  /** Ends a lease and wakes its waiters, if the token holds it. Does nothing otherwise. */
  release(key: CacheKey, token: Buffer, options?: ReleaseOptions): Promise<void>

  /**
   * Calls `wake` at every event that may end a wait for the lease of a key: it has ended while a caller waits for it,
   * or something above the key was invalidated. An event may be lost or come without a reason, so a waiter polls too.
   */
  watch(key: CacheKey, wake: WakeWaiter): LeaseWatch

  /** Reads what is stored under a key, for people. Nothing is counted as a use or prolonged. */
  peek(key: CacheKey): Promise<PeekResult>

  /**
   * Lists live entries, a page at a time. An entry that is stored during the whole listing is listed at least once; one
   * that is written or deleted meanwhile may be missing or listed.
   * @see https://redis.io/docs/latest/commands/scan/ for the guarantees
   */
  list(options: ListOptions): Promise<ListPage>

  /** Returns how full the store is; `undefined` if that is not known. */
  usage?(): Promise<StoreUsage | undefined>

  /**
   * Proves that the store takes and returns values.
   * @throws CacheNotRespondingError if it does not
   */
  check(): Promise<void>

  /** Closes the connections that the store has opened, never a client that was handed in. */
  close(): Promise<void>
}
