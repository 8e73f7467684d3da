import { randomBytes } from 'node:crypto'
import { encodeBody, FRAME_HEAD_BYTES, lifetimeOf } from '../../entry/body.js'
import { frameId } from '../../entry/frame.js'
import { joinGenerations, MAX_GENERATION_BYTES } from '../../entry/generation.js'
import { MAX_FRAME_BYTES } from '../../entry/layout.js'
import { MAX_LEASE_BYTES } from '../../entry/lease.js'
import { encodeProvenance } from '../../entry/provenance.js'
import { CacheNotRespondingError } from '../../errors.js'
import type { CacheKey } from '../../key/cache-key.js'
import { newId } from '../ids.js'
import { listed } from '../listed.js'
import type {
  AcquireOptions,
  Acquisition,
  CommitOptions,
  ListedEntry,
  ListOptions,
  ListPage,
  NewEntry,
  Observation,
  Origin,
  Peek,
  Reading,
  ReadOptions,
  ReleaseOptions,
  RemoveOptions,
  Store,
  StoreUsage,
  Wake,
  Watch,
  WriteOptions,
  WriteResult,
} from '../store.js'
import { MARKER_LIFE_MS, SECRET_BYTES, TOMBSTONE_LIFE_MS } from '../store.js'
import { Batching } from './batching.js'
import { asNotResponding, type Command, Connection, type RedisTarget } from './connection.js'
import { LeaseEvents } from './lease-events.js'
import { Names } from './names.js'
import { Reclaiming } from './reclaiming.js'
import type { ScriptReply } from './script-calls.js'
import { OBSERVE, WRITE } from './scripts/entries.js'
import { CLEAR, EXPIRE, REMOVE } from './scripts/invalidations.js'
import { ACQUIRE, COMMIT, RELEASE, RENEW } from './scripts/leases.js'
import { PROBE } from './scripts/probe.js'
import { DONE } from './scripts/script.js'
import { SECRET } from './scripts/secret.js'
import { RedisStatistics } from './statistics.js'
import { RedisTracking } from './tracking.js'

export interface RedisStoreOptions {
  readonly redis: RedisTarget
  readonly keyPrefix: string
  /** How long an operation may take, connecting included, in milliseconds. */
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  /** Maximum size of a value that is fetched, with what is stored around it. Default: what the scripts take for one of ours. */
  readonly maxFrameBytes?: number | undefined
}

/** How long a secret stands that nobody asks for: what is signed with it is good for much less. */
const SECRET_LIFE_MS = 86_400_000

/** Entries in a Redis server, seen by every process that uses the same prefix. */
export class RedisStore implements Store {
  readonly shared = true
  readonly statistics: RedisStatistics
  readonly tracking: RedisTracking
  readonly #connection: Connection
  readonly #names: Names
  readonly #batching: Batching
  readonly #reclaiming: Reclaiming
  readonly #news: LeaseEvents
  readonly #timeoutMs: number

  constructor({
    redis,
    keyPrefix,
    timeoutMs,
    connectTimeoutMs,
    maxFrameBytes = MAX_FRAME_BYTES,
  }: RedisStoreOptions) {
    this.#connection = new Connection(redis, connectTimeoutMs)
    this.#names = new Names(this.#connection.clientPrefix + keyPrefix)
    this.tracking = new RedisTracking(this.#connection, this.#names, timeoutMs)
    this.#batching = new Batching(this.#connection, this.tracking, timeoutMs, maxFrameBytes)
    this.#reclaiming = new Reclaiming(this.#connection, this.#batching, this.#names, timeoutMs)
    this.#news = new LeaseEvents(this.#connection, this.#names, timeoutMs)
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

  read(key: CacheKey, { lease = false, tracked = false }: ReadOptions = {}): Promise<Reading> {
    if (!lease) return this.#batching.readShared(key.text, () => this.#place(key), this.#toReading, tracked)
    const names = () => [...this.#place(key), this.#names.lease(key.text)]
    const shape = (values: (Buffer | null)[], epoch: number | undefined) => ({
      ...this.#toReading(values.slice(0, -1), epoch),
      lease: values.at(-1),
    })
    return this.#batching.readShared(`{lease}${key.text}`, names, shape, tracked)
  }

  async observe(key: CacheKey): Promise<Observation & Reading> {
    const { now, rest } = await this.#batching.run(OBSERVE, this.#place(key), [newId(), MARKER_LIFE_MS])
    const [frame, ...values] = rest as [Buffer, ...Buffer[]]
    // Copies: a view would keep the whole reply alive as long as the request.
    return {
      frame,
      standing: Buffer.from(frameId(frame)),
      generations: values.map((value) => Buffer.from(value)),
      now,
    }
  }

  async write(key: CacheKey, entry: NewEntry, { basis }: WriteOptions = {}): Promise<WriteResult> {
    const id = newId()
    const reply = await this.#batching.run(WRITE, this.#leasedPlace(key), [
      id,
      lifetimeOf(entry),
      encodeBody(entry, this.#now()),
      this.#names.news(),
      basis?.standing ?? '',
      (basis && joinGenerations(basis.generations)) ?? '',
    ])
    return toResult(reply, id)
  }

  async acquire(key: CacheKey, token: Buffer, { leaseMs, awaiting }: AcquireOptions): Promise<Acquisition> {
    const reply = await this.#batching.run(ACQUIRE, this.#leasedPlace(key), [
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
    const reply = await this.#batching.run(COMMIT, this.#leasedPlace(key), [
      id,
      token,
      lifetimeOf(entry),
      unchanged ? body.subarray(0, body.length - length) : body,
      this.#names.news(),
      unchanged ?? '',
      length,
    ])
    return toResult(reply, id)
  }

  async release(key: CacheKey, token: Buffer, { unstored = false }: ReleaseOptions = {}): Promise<void> {
    const keys = [this.#names.entry(key.text), this.#names.lease(key.text)]
    await this.#batching.run(RELEASE, keys, [token, this.#names.news(), unstored ? '1' : '0'])
  }

  watch(key: CacheKey, wake: Wake): Watch {
    return this.#news.watch(key, wake)
  }

  async remove(key: CacheKey, { children, origin }: RemoveOptions): Promise<boolean> {
    const keys = this.#leasedPlace(key)
    if (children) keys.push(this.#names.generation(key.text))
    const { rest } = await this.#batching.run(REMOVE, keys, [
      newId(),
      TOMBSTONE_LIFE_MS,
      this.#provenance(origin),
      children ? '1' : '0',
      this.#names.news(),
    ])
    if (children) this.#reclaiming.request()
    return rest[0] === 1
  }

  async expire(key: CacheKey, { children, origin }: RemoveOptions): Promise<boolean> {
    const keys = this.#leasedPlace(key)
    if (children) keys.push(this.#names.generation(key.text))
    const { rest } = await this.#batching.run(EXPIRE, keys, [
      newId(),
      this.#provenance(origin),
      children ? '1' : '0',
      this.#names.news(),
    ])
    return rest[0] === 1
  }

  async clear(origin: Origin): Promise<void> {
    const keys = [this.#names.topGeneration()]
    await this.#batching.run(CLEAR, keys, [
      newId(),
      TOMBSTONE_LIFE_MS,
      this.#provenance(origin),
      this.#names.news(),
    ])
    this.#reclaiming.request()
  }

  async peek(key: CacheKey): Promise<Peek> {
    const entry = this.#names.entry(key.text)
    const [size, ttl, time] = await this.#all([['STRLEN', entry], ['PTTL', entry], ['TIME']])
    const bytes = typeof size === 'number' ? size : 0
    // After the entry's size; the generations after the entry, or they could be older and condemn what is live.
    const [frame, lease, ...generations] = (
      await this.#all([
        ['GETRANGE', entry, 0, bytes > MAX_FRAME_BYTES ? FRAME_HEAD_BYTES : MAX_FRAME_BYTES],
        ['GETRANGE', this.#names.lease(key.text), 0, MAX_LEASE_BYTES],
        ...this.#names.generationsAbove(key).map(generationRead),
      ])
    ).map((value) => ((value as Buffer).length > 0 ? (value as Buffer) : null))
    return {
      frame: frame && bytes > MAX_FRAME_BYTES ? FOREIGN : (frame ?? null),
      generations,
      lease: lease ?? null,
      now: millisecondsOf(time),
      ttlMs: Math.max(0, Number(ttl)),
      bytes: Math.max(bytes, frame?.length ?? 0),
    }
  }

  async list({ under, matches = everyKey, cursor = '0', scan }: ListOptions): Promise<ListPage> {
    const pattern = this.#names.pattern(under)
    const [[next, names], total] = (await this.#all([
      ['SCAN', cursor, 'MATCH', pattern, 'COUNT', scan],
      ['DBSIZE'],
    ])) as [[Buffer, Buffer[]], number]
    const keys = new Map<string, CacheKey>()
    for (const name of names) {
      const key = this.#names.keyOf(name.toString(), under)
      if (key && matches(key)) keys.set(key.text, key)
    }
    const position = next.toString()
    return {
      entries: await this.#live([...keys.values()]),
      cursor: position === '0' ? undefined : position,
      scanned: scan,
      total,
    }
  }

  /** @see https://redis.io/docs/latest/commands/info/ */
  async usage(): Promise<StoreUsage | undefined> {
    const deadline = performance.now() + this.#timeoutMs
    const replies = await this.#connection.sendAll(
      [
        ['INFO', 'memory'],
        ['INFO', 'stats'],
      ],
      deadline,
    )
    const fields = new Map(replies.flatMap((reply) => [...String(reply).matchAll(INFO_FIELD)].map(toPair)))
    const [used, max, evicted] = ['used_memory', 'maxmemory', 'evicted_keys'].map((name) => {
      return Number(fields.get(name) ?? Number.NaN)
    }) as [number, number, number]
    // A user without the right to ask is told nothing.
    if (Number.isNaN(used) || Number.isNaN(evicted)) return undefined
    return {
      usedBytes: used,
      maxBytes: max > 0 ? max : undefined,
      evictions: evicted,
      policy: fields.get('maxmemory_policy') ?? '',
    }
  }

  async check(): Promise<void> {
    const id = newId()
    const { rest } = await this.#batching.run(PROBE, [this.#names.probe()], [id])
    if (!(rest[0] instanceof Buffer) || !rest[0].equals(id)) {
      throw new CacheNotRespondingError(
        'Redis is not responding: it did not give back what was just written.',
      )
    }
  }

  async close(): Promise<void> {
    this.#news.close()
    this.tracking.close()
    await Promise.all([this.#reclaiming.close(), this.#batching.flush()])
    this.#connection.close()
  }

  /** The names that every operation on a key is about: its entry, and the generations above it. */
  #place(key: CacheKey): string[] {
    return [this.#names.entry(key.text), ...this.#names.generationsAbove(key)]
  }

  /** The same with the lease, for what ends or needs one. */
  #leasedPlace(key: CacheKey): string[] {
    return [this.#names.entry(key.text), this.#names.lease(key.text), ...this.#names.generationsAbove(key)]
  }

  readonly #toReading = (
    [frame = null, ...generations]: (Buffer | null)[],
    epoch: number | undefined,
  ): Reading => {
    return { frame, generations, now: this.#now(), epoch }
  }

  #now(): number {
    return this.#batching.clock.at(performance.now())
  }

  #provenance(origin: Origin): Buffer {
    return encodeProvenance({ ...origin, at: this.#now() })
  }

  async #live(keys: readonly CacheKey[]): Promise<ListedEntry[]> {
    if (keys.length === 0) return []
    const above = [...new Set(keys.flatMap((key) => this.#names.generationsAbove(key)))]
    const replies = await this.#all([
      ...keys.flatMap((key): Command[] => {
        const entry = this.#names.entry(key.text)
        return [
          ['GETRANGE', entry, 0, FRAME_HEAD_BYTES - 1],
          ['PTTL', entry],
          ['STRLEN', entry],
        ]
      }),
      // After the entries: read before, they could be older than one of them and condemn what is live.
      ...above.map(generationRead),
      ['TIME'],
    ])
    const now = millisecondsOf(replies.at(-1))
    const values = replies.slice(keys.length * 3, -1) as Buffer[]
    const standing = new Map(above.map((name, index) => [name, values[index] ?? null]))
    return keys.flatMap((key, index) => {
      const [head, lifeMs, bytes] = replies.slice(index * 3, index * 3 + 3) as [Buffer, number, number]
      const frame = head.length > 0 && bytes <= MAX_FRAME_BYTES ? head : null
      const generations = this.#names.generationsAbove(key).map((name) => standing.get(name) ?? null)
      return listed(key, { frame, generations, bytes, lifeMs, now })
    })
  }

  /** Commands of which none may fail, but for meeting a foreign type. */
  async #all(commands: readonly Command[]): Promise<unknown[]> {
    const replies = await this.#connection.sendAll(commands, performance.now() + this.#timeoutMs)
    return replies.map((reply) => {
      if (!(reply instanceof Error)) return reply
      if (reply.message.startsWith('WRONGTYPE')) return FOREIGN
      throw asNotResponding(reply)
    })
  }
}

function toResult({ status, rest }: ScriptReply, id: Buffer): WriteResult {
  if (status === DONE) return { written: true, id }
  return String(rest[0]) === '1' ? { written: false, fenced: true } : { written: false }
}

const INFO_FIELD = /^(\w+):(.*?)\r?$/gm

function toPair([, name = '', value = '']: RegExpMatchArray): [string, string] {
  return [name, value]
}

/** What a listing without a filter asks of each key. */
function everyKey(): boolean {
  return true
}

/** Reads as much of a generation as tells whether it is one: others may have put something large in its place. */
function generationRead(name: string): Command {
  return ['GETRANGE', name, 0, MAX_GENERATION_BYTES]
}

/** @see https://redis.io/docs/latest/commands/time/ */
function millisecondsOf(time: unknown): number {
  const [seconds, microseconds] = time as readonly [Buffer, Buffer]
  return Number(seconds) * 1000 + Number(microseconds) / 1000
}

/** Stands for what a listing cannot read: no frame is empty. */
const FOREIGN = Buffer.alloc(0)
