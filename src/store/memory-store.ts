import { randomBytes } from 'node:crypto'
import { performance as machine } from 'node:perf_hooks'
import { setImmediate as othersTurn } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import { ElapsedClock } from '../elapsed-clock.js'
import { encodeBody, lifetimeOf } from '../entry/body.js'
import { expireFrame } from '../entry/expiry.js'
import { composeFrame, composeValue, frameId, parseFrame } from '../entry/frame.js'
import { composeGeneration, expireGeneration, joinGenerations, parseGeneration } from '../entry/generation.js'
import { ID_BYTES } from '../entry/layout.js'
import { composeLease, type Lease } from '../entry/lease.js'
import { encodeProvenance } from '../entry/provenance.js'
import { CacheNotRespondingError } from '../errors.js'
import { CacheKey } from '../key/cache-key.js'
import { newId } from './ids.js'
import { judge } from './judge.js'
import { listed } from './listed.js'
import { MemoryStatistics } from './memory-statistics.js'
import { SealedCursors } from './sealed-cursors.js'
import {
  type AcquireOptions,
  type Acquisition,
  type CommitOptions,
  type ListedEntry,
  type ListOptions,
  type ListPage,
  MARKER_LIFE_MS,
  type NewEntry,
  type Observation,
  type Origin,
  type Peek,
  type Reading,
  type ReadOptions,
  type ReleaseOptions,
  type RemoveOptions,
  SECRET_BYTES,
  type Store,
  type StoreUsage,
  TOMBSTONE_LIFE_MS,
  type Wake,
  type Watch,
  type WriteOptions,
  type WriteResult,
} from './store.js'
import { Watchers } from './watchers.js'

export interface MemoryStoreOptions {
  /** The most entries, and generations of paths with something below them; 10,000 by default. */
  readonly maxEntries?: number | undefined
  /** The most bytes of names and frames together; 64 MiB by default. */
  readonly maxBytes?: number | undefined
}

const DEFAULTS = { maxEntries: 10_000, maxBytes: 64 * 1024 * 1024 }

/** What a name costs beside its characters and bytes, about: the list's and the map's own share. */
const OVERHEAD_BYTES = 200

/** The topmost generation. No path is spelled so: paths hold no braces. */
const TOP = '{}'

/** The store's clock has jumped where it differs by this from the machine's. */
const JUMP_MS = 100

/** A lease that lapses by the machine's own ticks. */
interface HeldLease extends Lease {
  /** The moment that readers are shown, on the store's clock. */
  readonly shownLapse: number
}

/**
 * Entries within this process, least recently used first out. It holds the same
 * frames, generations and tombstones as a Redis would, and keeps the same
 * promises; an eviction is an absence, and absence proves nothing here either.
 */
export class MemoryStore implements Store {
  readonly description = 'in-memory store'
  readonly shared = false
  readonly statistics = new MemoryStatistics()
  readonly #held: LRUCache<string, Buffer>
  /**
   * Who computes what, by the machine's own ticks, as leases are renewed by its own timers. Few, and gone with the
   * computation: an eviction would let nothing slow be stored.
   */
  readonly #leases = new Map<string, HeldLease>()
  readonly #watchers = new Watchers()
  readonly #secret = randomBytes(SECRET_BYTES)
  readonly #cursors = new SealedCursors()
  readonly #maxBytes: number
  readonly #clock = new ElapsedClock()
  /** When the operation that runs began: one reading of the clock for all that it looks at. */
  #now = this.#clock.now()
  #evictions = 0
  #closed = false

  constructor({ maxEntries = DEFAULTS.maxEntries, maxBytes = DEFAULTS.maxBytes }: MemoryStoreOptions = {}) {
    this.#held = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: (bytes, name) => bytes.length + name.length * 2 + OVERHEAD_BYTES,
      ttlResolution: 0,
      perf: { now: () => this.#now },
      ttlAutopurge: false,
      dispose: (bytes, _name, reason) => {
        if (reason === 'evict' && parseFrame(bytes).kind === 'value') this.#evictions++
      },
    })
    this.#maxBytes = maxBytes
  }

  async secret(): Promise<Buffer> {
    return this.#secret
  }

  async read(key: CacheKey, { lease = false }: ReadOptions = {}): Promise<Reading> {
    const now = this.#begin()
    const reading = { frame: this.#held.get(key.text) ?? null, generations: this.#above(key), now }
    return lease ? { ...reading, lease: this.#leaseBytes(key) } : reading
  }

  async observe(key: CacheKey): Promise<Observation & Reading> {
    const now = this.#begin()
    const id = newId()
    const generations = generationsAbove(key).map((name) =>
      this.#keepGeneration(name, id, MARKER_LIFE_MS, false),
    )
    let frame = this.#held.get(key.text)
    const isValue = frame !== undefined && parseFrame(frame).kind === 'value'
    // A value that is dead is so for ever: a marker takes its place.
    if (!frame || (isValue && !judge({ frame, generations }).live)) {
      frame = composeFrame('marker', id, [])
      this.#hold(key.text, frame, MARKER_LIFE_MS)
    } else if (!isValue && this.#held.getRemainingTTL(key.text) < MARKER_LIFE_MS) {
      this.#hold(key.text, frame, MARKER_LIFE_MS)
    }
    return { frame, standing: frameId(frame), generations, now }
  }

  async write(key: CacheKey, entry: NewEntry, { basis }: WriteOptions = {}): Promise<WriteResult> {
    const now = this.#begin()
    if (basis && !this.#stands(key, basis)) return this.#refused(key, joinGenerations(basis.generations))
    return this.#put(key, encodeBody(entry, now), lifetimeOf(entry))
  }

  async acquire(key: CacheKey, token: Buffer, { leaseMs, awaiting }: AcquireOptions): Promise<Acquisition> {
    this.#begin()
    const id = newId()
    const generations = generationsAbove(key).map((name) => this.#keepGeneration(name, id, leaseMs, false))
    const started = joinGenerations(generations) as Buffer
    const lease = this.#leases.get(key.text)
    let tookOver = false
    if (lease && !lease.token.equals(token) && lease.started.equals(started)) {
      const lapsesInMs = lease.lapsesAt - machine.now()
      if (lapsesInMs > 0) {
        if (awaiting) this.#leases.set(key.text, { ...lease, awaited: true })
        return { won: false, holder: lease.token, lapsesInMs }
      }
      tookOver = true
    }
    const awaited = lease?.awaited ?? false
    this.#leases.set(key.text, { token, awaited, started, ...this.#lapsingIn(leaseMs) })
    return { won: true, tookOver, reading: await this.read(key) }
  }

  async renew(key: CacheKey, token: Buffer, leaseMs: number): Promise<boolean> {
    this.#begin()
    const lease = this.#leases.get(key.text)
    if (!lease?.token.equals(token) || !this.#areCurrent(key, lease.started)) return false
    for (const name of generationsAbove(key)) this.#keepGeneration(name, token, leaseMs, false)
    this.#leases.set(key.text, { ...lease, ...this.#lapsingIn(leaseMs) })
    return true
  }

  async commit(
    key: CacheKey,
    token: Buffer,
    entry: NewEntry,
    { unchanged }: CommitOptions = {},
  ): Promise<WriteResult> {
    const now = this.#begin()
    const lease = this.#leases.get(key.text)
    if (!lease?.token.equals(token)) return this.#refused(key, joinGenerations(this.#above(key)))
    const frame = this.#held.get(key.text)
    const hasChanged = unchanged && !(frame && frameId(frame).equals(unchanged))
    if (this.#areCurrent(key, lease.started) && !hasChanged)
      return this.#put(key, encodeBody(entry, now), lifetimeOf(entry))
    this.#fence(key)
    return this.#refused(key, lease.started)
  }

  async release(key: CacheKey, token: Buffer, { unstored = false }: ReleaseOptions = {}): Promise<void> {
    if (this.#leases.get(key.text)?.token.equals(token)) this.#fence(key, unstored)
  }

  watch(key: CacheKey, wake: Wake): Watch {
    return { active: true, activate: async () => {}, stop: this.#watchers.add(key, wake) }
  }

  async remove(key: CacheKey, { children, origin }: RemoveOptions): Promise<boolean> {
    const now = this.#begin()
    const id = newId()
    const frame = this.#held.get(key.text)
    let was = frame !== undefined && judge({ frame, generations: this.#above(key) }).live
    const info = encodeProvenance({ ...origin, at: now })
    this.#hold(key.text, composeFrame('tombstone', id, [], info), TOMBSTONE_LIFE_MS)
    this.#fence(key)
    if (children) {
      const own = this.#held.get(generation(key.text))
      if (own) {
        was ||= parseGeneration(own)?.inUse === true
        this.#hold(generation(key.text), composeGeneration(id, false, info), TOMBSTONE_LIFE_MS)
        this.#watchers.wakeWithin(key.text)
      }
    }
    return was
  }

  async expire(key: CacheKey, { children, origin }: RemoveOptions): Promise<boolean> {
    const at = this.#begin()
    const who = encodeProvenance({ ...origin, at })
    const frame = this.#held.get(key.text)
    let was = frame !== undefined && judge({ frame, generations: this.#above(key) }).live
    // Whatever stands there: a fill that has observed it must not find it any more.
    if (frame) this.#replace(key.text, expireFrame(frame, newId(), was, at, who))
    this.#fence(key)
    const own = children ? this.#held.get(generation(key.text)) : undefined
    if (own) {
      was ||= parseGeneration(own)?.inUse === true
      this.#replace(generation(key.text), expireGeneration(own, at, who))
      this.#watchers.wakeWithin(key.text)
    }
    return was
  }

  async clear(origin: Origin): Promise<void> {
    const now = this.#begin()
    // Nothing below the topmost generation is of use any more, but for the reason why it is gone.
    this.#held.clear()
    const info = encodeProvenance({ ...origin, at: now })
    this.#hold(TOP, composeGeneration(newId(), false, info), TOMBSTONE_LIFE_MS)
    this.#watchers.wakeAll()
  }

  async peek(key: CacheKey): Promise<Peek> {
    const now = this.#begin()
    const frame = this.#held.peek(key.text) ?? null
    return {
      frame,
      generations: generationsAbove(key).map((name) => this.#held.peek(name) ?? null),
      lease: this.#leaseBytes(key),
      now,
      ttlMs: frame ? this.#held.getRemainingTTL(key.text) : 0,
      bytes: frame?.length ?? 0,
    }
  }

  async list({ under, matches, cursor, scan }: ListOptions): Promise<ListPage> {
    const after = cursor === undefined ? undefined : this.#cursors.open(cursor)
    // Who goes through all pages does not keep everybody else waiting until then.
    await othersTurn()
    this.#begin()
    const names = this.#namesAfter(after, scan + 1)
    const page = names.page.slice(0, scan)
    const last = names.page.length > scan ? page.at(-1) : undefined
    return {
      entries: page.flatMap((name) => this.#listed(CacheKey.from(name), under, matches)),
      cursor: last === undefined ? undefined : this.#cursors.seal(last),
      scanned: page.length,
      total: names.total,
    }
  }

  async usage(): Promise<StoreUsage> {
    return {
      usedBytes: this.#held.calculatedSize,
      maxBytes: this.#maxBytes,
      evictions: this.#evictions,
      policy: 'least recently used first',
    }
  }

  /** No probe is written: where it is full, that would push out an entry. */
  async check(): Promise<void> {
    if (this.#closed) throw new CacheNotRespondingError('The embedded memory store was closed.')
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#held.clear()
  }

  /** Begins an operation; gives its moment. */
  #begin(): number {
    this.#now = this.#clock.now()
    return this.#now
  }

  #above(key: CacheKey): (Buffer | null)[] {
    return generationsAbove(key).map((name) => this.#held.get(name) ?? null)
  }

  #stands(key: CacheKey, basis: Observation): boolean {
    const frame = this.#held.get(key.text)
    return (
      !!frame &&
      frameId(frame).equals(basis.standing) &&
      this.#areCurrent(key, joinGenerations(basis.generations))
    )
  }

  #areCurrent(key: CacheKey, ids: Buffer | undefined): boolean {
    const current = joinGenerations(this.#above(key))
    return !!ids && !!current?.equals(ids)
  }

  /** Puts a value in its place, and fences whoever computes it. */
  #put(key: CacheKey, body: Buffer, lifeMs: number): WriteResult {
    const id = newId()
    const generations = generationsAbove(key).map((name) => this.#keepGeneration(name, id, lifeMs, true))
    const frame = composeValue(id, joinGenerations(generations) as Buffer, body)
    this.#hold(key.text, frame, lifeMs)
    this.#fence(key)
    // Too large, or so deep that it has pushed out its own generations.
    const held = this.#held.peek(key.text) === frame && judge({ frame, generations: this.#above(key) }).live
    return held ? { written: true, id } : { written: false }
  }

  /** Why what is made from generations is not written, as far as what stands there tells. */
  #refused(key: CacheKey, started: Buffer | undefined): WriteResult {
    const frame = this.#held.get(key.text)
    if (frame && judge({ frame, generations: this.#above(key) }).live) return { written: false }
    const isFenced = !this.#areCurrent(key, started) || (frame && parseFrame(frame).kind === 'tombstone')
    return isFenced ? { written: false, fenced: true } : { written: false }
  }

  /** Ends a lease, whoever holds it: its commit is refused, and those who wait for it look again. */
  #fence(key: CacheKey, isInVain = false): void {
    const lease = this.#leases.get(key.text)
    this.#leases.delete(key.text)
    if (lease?.awaited) this.#watchers.wake(key.text, isInVain)
  }

  #leaseBytes(key: CacheKey): Buffer | null {
    const lease = this.#leases.get(key.text)
    if (!lease) return null
    // On the store's clock, as all that is read: the same at each reading, unless that clock has jumped.
    const lapsesAt = this.#now + lease.lapsesAt - machine.now()
    const hasJumped = Math.abs(lapsesAt - lease.shownLapse) > JUMP_MS
    return composeLease({ ...lease, lapsesAt: hasJumped ? lapsesAt : lease.shownLapse })
  }

  #lapsingIn(leaseMs: number): Pick<HeldLease, 'lapsesAt' | 'shownLapse'> {
    return { lapsesAt: machine.now() + leaseMs, shownLapse: this.#now + leaseMs }
  }

  /** The generation under a name, living at least `ttlMs` from now on; made if absent. */
  #keepGeneration(name: string, newborn: Buffer, ttlMs: number, inUse: boolean): Buffer {
    const current = this.#held.get(name)
    if (!current) {
      const made = composeGeneration(newborn, inUse)
      this.#hold(name, made, ttlMs * 1.1 + 60_000)
      return made
    }
    const left = this.#held.getRemainingTTL(name)
    if (inUse) current[ID_BYTES] = 0x31
    if (left < ttlMs) this.#hold(name, current, ttlMs * 1.1 + 60_000)
    return current
  }

  #hold(name: string, bytes: Buffer, ttlMs: number): void {
    this.#held.set(name, bytes, { ttl: Math.ceil(ttlMs) })
  }

  /** Something else in the same place, for as long as what stands there has left. */
  #replace(name: string, bytes: Buffer): void {
    // Never longer; and a time to live of 0 would be none.
    this.#hold(name, bytes, Math.max(1, Math.floor(this.#held.getRemainingTTL(name))))
  }

  /** The first names of entries after one, in order, without putting all of them in order; and how many there are. */
  #namesAfter(after: string | undefined, count: number): { readonly page: string[]; readonly total: number } {
    let page: string[] = []
    let total = 0
    let last: string | undefined
    const cut = () => {
      page = page.sort().slice(0, count)
      if (page.length === count) last = page.at(-1)
    }
    for (const name of this.#held.keys()) {
      if (name.startsWith('{')) continue
      total++
      if ((after !== undefined && name <= after) || (last !== undefined && name >= last)) continue
      page.push(name)
      if (page.length >= 2 * count) cut()
    }
    cut()
    return { page, total }
  }

  #listed(key: CacheKey, under: CacheKey | undefined, matches?: (key: CacheKey) => boolean): ListedEntry[] {
    if (under && !key.isWithin(under)) return []
    if (matches && !matches(key)) return []
    const frame = this.#held.peek(key.text) ?? null
    const generations = generationsAbove(key).map((above) => this.#held.peek(above) ?? null)
    const lifeMs = this.#held.getRemainingTTL(key.text)
    return listed(key, { frame, generations, bytes: frame?.length ?? 0, lifeMs, now: this.#now })
  }
}

function generation(path: string): string {
  return `{${path}}`
}

function generationsAbove(key: CacheKey): string[] {
  return [TOP, ...key.ancestors.map(generation)]
}
