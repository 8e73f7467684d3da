import type { NewEntry } from '../entry/body.js'
import type { Provenance } from '../entry/provenance.js'
import type { CacheKey } from '../key/cache-key.js'
import type { Statistics } from './statistics.js'
import type { Tracking } from './tracking.js'

/**
 * How long a marker stands: a request that takes longer between its miss and
 * its `set` computes in vain, since a marker that is gone proves nothing.
 */
export const MARKER_LIFE_MS = 60_000

/** How long a delete can be given as the reason of a miss. */
export const TOMBSTONE_LIFE_MS = 10 * 60_000

/** An entry's place and the generations above it, as one read found them. */
export interface Reading {
  /** The frame that stands there, if one does. */
  readonly frame: Buffer | null
  /** The generations of all strict ancestors, outermost (the prefix itself) first. */
  readonly generations: readonly (Buffer | null)[]
  /** The store's clock at that moment, at least: freshness is judged on it. */
  readonly now: number
  /** The lease that stands there, where it was asked for. */
  readonly lease?: Buffer | null | undefined
  /** In which every later change of what was read is told, if one was wanted: see `Tracking`. */
  readonly epoch?: number | undefined
}

/** So long is a secret. */
export const SECRET_BYTES = 32

export interface ReadOptions {
  /** Read the lease along: for who wants to join a computation. */
  readonly lease?: boolean
  /** Whoever reads wants to keep it, and to be told when it changes. */
  readonly tracked?: boolean
}

/**
 * What stood in an entry's place when its data began to be read, and the ids of
 * the generations above it. A fill that names it is refused once anything was
 * invalidated since.
 */
export interface Observation {
  readonly standing: Buffer
  readonly generations: readonly Buffer[]
}

export type { NewEntry }

export interface WriteOptions {
  /** Write only while this still stands; without it the write is unconditional and fences everyone else. */
  readonly basis?: Observation | undefined
}

export interface CommitOptions {
  /** The id of a frame whose payload is the entry's: where it still stands, it need not be sent again. */
  readonly unchanged?: Buffer | undefined
}

/** What a write came to. */
export type WriteResult =
  /** `id` is the frame that now stands there. */
  | { readonly written: true; readonly id: Buffer }
  /** `fenced` where what stands there tells that it was invalidated, and that no value came after that. */
  | { readonly written: false; readonly fenced?: true }

/** What asking for a lease came to. */
export type Acquisition =
  /**
   * It is ours. What stands there was read in the same step, after which nothing that
   * invalidates goes unnoticed: what is computed from now on may be committed.
   */
  | {
      readonly won: true
      readonly reading: Reading /** Its last holder let it lapse. */
      readonly tookOver: boolean
    }
  /** Somebody else holds it, for so long unless it is renewed. */
  | { readonly won: false; readonly holder: Buffer; readonly lapsesInMs: number }

export interface AcquireOptions {
  readonly leaseMs: number
  /** Who asks waits for the holder if it is refused, and wants to be woken. */
  readonly awaiting: boolean
}

export interface ReleaseOptions {
  /** The computation has ended with a value that is not stored: it is in vain to wait for the next holder. */
  readonly unstored?: boolean
}

/** What a waiter is called with: `isInVain` where the computation that it waits for has ended with a value that is not stored. */
export type Wake = (isInVain: boolean) => void

/** Who is woken when something happened to a key that may end a wait. */
export interface Watch {
  /** Whether news arrive at the moment: without them, who waits must look by itself. */
  readonly active: boolean
  /** Sees to it that news arrive; resolves when they do, or when that failed. */
  activate(): Promise<void>
  stop(): void
}

/** Where an invalidation came from; the store adds the time and the process. */
export type Origin = Omit<Provenance, 'at'>

export interface RemoveOptions {
  readonly children: boolean
  readonly origin: Origin
}

/** An entry's place as staff see it: nothing of it is counted, touched or prolonged. */
export interface Peek extends Reading {
  /** Milliseconds until the frame expires. */
  readonly ttlMs: number
  /** Bytes of the frame. */
  readonly bytes: number
}

/** One live entry of a listing. */
export interface ListedEntry {
  readonly key: CacheKey
  readonly bytes: number
  /** How long it is fresh still; 0 for one that is stale and stands by its grace. */
  readonly ttlMs: number
  /** On the store's clock. */
  readonly writtenAt: number
  readonly writtenBy: string
  /** How long computing it took; 0 for what was set. */
  readonly computingMs: number
}

export interface ListPage {
  readonly entries: readonly ListedEntry[]
  /** Where the next page starts; `undefined` after the last. It stands in URLs, so it tells nothing of any name. */
  readonly cursor: string | undefined
  /** How many names were looked at for this page, and about how many there are in all. */
  readonly scanned: number
  readonly total: number
}

/** How full a store is, all that it holds together: in a Redis, what other applications have put there too. */
export interface StoreUsage {
  readonly usedBytes: number
  /** Nothing without a limit. */
  readonly maxBytes: number | undefined
  /** What it has pushed out for want of room since it started. */
  readonly evictions: number
  /** What it does when it is full, in the store's own words: `allkeys-lru`, `noeviction`. */
  readonly policy: string
}

export interface ListOptions {
  /** Only this key and what lies below it. */
  readonly under?: CacheKey | undefined
  /** Only keys that it says yes to: the others are not even read. */
  readonly matches?: ((key: CacheKey) => boolean) | undefined
  readonly cursor?: string | undefined
  /** How many names to look at, about: a page may hold fewer live entries, or none. */
  readonly scan: number
}

/**
 * Where entries live. Every operation rejects with a `CacheNotRespondingError`
 * when it was not surely carried out in time, and never hangs. Operations of
 * one tick may share a command; writes go before the reads of that tick.
 *
 * What a store promises (its tests are `test/conformance`): ids are never used
 * twice; a generation that is absent matches nothing; `write`, `remove`, `expire`,
 * `clear`, `acquire` and `commit` are each one atomic step; `write`, `remove`, `expire`
 * and what is invalidated or let expire above fence whoever holds a lease: its commit
 * is refused.
 */
export interface Store {
  /** What it is, for people: `redis 127.0.0.1:6379` or `in-memory store`. */
  readonly description: string
  /** Whether other processes see the same entries. */
  readonly shared: boolean

  /** Where its processes tell what they have counted; a store without one has it in each process. */
  readonly statistics?: Statistics

  /** Tells what changes of what was read; where a store has none, nothing is kept in the process's memory. */
  readonly tracking?: Tracking

  /**
   * Random bytes that all processes know, and nobody else, for what one signs and another checks; made when first asked
   * for, and left alone by `clear`. Without it each process has its own, and takes nothing for signed but by itself.
   */
  secret?(): Promise<Buffer>

  read(key: CacheKey, options?: ReadOptions): Promise<Reading>
  /**
   * Plants a marker where nothing stands, or a value that is dead for ever,
   * makes missing generations, and returns what stands now.
   */
  observe(key: CacheKey): Promise<Observation & Reading>
  write(key: CacheKey, entry: NewEntry, options?: WriteOptions): Promise<WriteResult>
  /** Leaves a tombstone, and a new generation with `children`; whether anything was there. */
  remove(key: CacheKey, options: RemoveOptions): Promise<boolean>
  /**
   * Makes what stands there stale, in its place and for as long as it would have stood; with `children` everything
   * below too. What was observed, or began to be computed, before is refused as after a `remove`. Whether anything
   * was there.
   */
  expire(key: CacheKey, options: RemoveOptions): Promise<boolean>
  /** Invalidates everything under this store's prefix. */
  clear(origin: Origin): Promise<void>

  /**
   * Asks for the right to compute a key, under a token that was never used for
   * another computation. A lease that has lapsed, or whose generations are no
   * longer the current ones, counts as absent. Asking again with one's own token is harmless.
   */
  acquire(key: CacheKey, token: Buffer, options: AcquireOptions): Promise<Acquisition>
  /**
   * Prolongs a lease; resolves to whether it still stood. A lease that has lapsed stands until another token takes it
   * over, or an invalidation ends it.
   */
  renew(key: CacheKey, token: Buffer, leaseMs: number): Promise<boolean>
  /**
   * Writes what was computed and ends the lease, only while it stands and nothing was invalidated since. A lease that
   * has lapsed stands until another token takes it over.
   */
  commit(key: CacheKey, token: Buffer, entry: NewEntry, options?: CommitOptions): Promise<WriteResult>
  /** Gives a lease up, and wakes the callers that wait for it. */
  release(key: CacheKey, token: Buffer, options?: ReleaseOptions): Promise<void>
  /** Calls `wake` when a lease of this key that somebody waits for ends, and when something above it was invalidated. */
  watch(key: CacheKey, wake: Wake): Watch

  peek(key: CacheKey): Promise<Peek>
  list(options: ListOptions): Promise<ListPage>
  /** How full it is; nothing where that cannot be told. */
  usage?(): Promise<StoreUsage | undefined>
  /** Proves that it takes and gives back values. */
  check(): Promise<void>
  /** Disconnects what it opened itself. */
  close(): Promise<void>
}
