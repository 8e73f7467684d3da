import {
  encodeBody,
  encodeProvenance,
  FRAME_HEAD_BYTES,
  frameId,
  ID_BYTES,
  parseBodyHead,
} from '../../entry.js'
import { CacheNotRespondingError } from '../../errors.js'
import type { CacheKey } from '../../key/cache-key.js'
import { newId } from '../ids.js'
import { judge } from '../judge.js'
import type {
  ListedEntry,
  ListOptions,
  ListPage,
  NewEntry,
  Observation,
  Origin,
  Peek,
  Reading,
  RemoveOptions,
  Store,
  WriteOptions,
  WriteResult,
} from '../store.js'
import { MARKER_LIFE_MS, TOMBSTONE_LIFE_MS } from '../store.js'
import { Batching } from './batching.js'
import { asNotResponding, type Command, Connection, type RedisTarget } from './connection.js'
import { Names } from './names.js'
import { Reclaiming } from './reclaiming.js'
import { CLEAR, DONE, OBSERVE, PROBE, REMOVE, WRITE } from './scripts.js'

export interface RedisStoreOptions {
  readonly redis: RedisTarget
  readonly keyPrefix: string
  /** How long an operation may take, connecting included, in milliseconds. */
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
}

/** Entries in a Redis server, seen by every process that uses the same prefix. */
export class RedisStore implements Store {
  readonly shared = true
  readonly #connection: Connection
  readonly #names: Names
  readonly #batching: Batching
  readonly #reclaiming: Reclaiming
  readonly #timeoutMs: number

  constructor({ redis, keyPrefix, timeoutMs, connectTimeoutMs }: RedisStoreOptions) {
    this.#connection = new Connection(redis, connectTimeoutMs)
    this.#names = new Names(this.#connection.clientPrefix + keyPrefix)
    this.#batching = new Batching(this.#connection, timeoutMs)
    this.#reclaiming = new Reclaiming(this.#connection, this.#batching, this.#names, timeoutMs)
    this.#timeoutMs = timeoutMs
  }

  get description(): string {
    return this.#connection.description
  }

  read(key: CacheKey): Promise<Reading> {
    return this.#batching.read(this.#place(key), toReading)
  }

  async observe(key: CacheKey): Promise<Observation & Reading> {
    const { rest } = await this.#batching.run(OBSERVE, this.#place(key), [newId(), MARKER_LIFE_MS])
    const [frame, ...values] = rest as [Buffer, ...Buffer[]]
    // Copies: a view would keep the whole reply alive as long as the request.
    return {
      frame,
      standing: Buffer.from(frameId(frame)),
      generations: values.map((value) => Buffer.from(value)),
    }
  }

  async write(key: CacheKey, entry: NewEntry, { basis }: WriteOptions = {}): Promise<WriteResult> {
    const id = newId()
    const body = encodeBody({ ...entry, writtenAt: this.#batching.clock.at(performance.now()) })
    const { status } = await this.#batching.run(WRITE, this.#place(key), [
      id,
      entry.ttlMs,
      body,
      basis?.standing ?? '',
      basis ? Buffer.concat(basis.generations.map((generation) => generation.subarray(0, ID_BYTES))) : '',
    ])
    return status === DONE ? { written: true, id } : { written: false }
  }

  async remove(key: CacheKey, { children, origin }: RemoveOptions): Promise<boolean> {
    const keys = this.#place(key)
    if (children) keys.push(this.#names.generation(key.text))
    const { rest } = await this.#batching.run(REMOVE, keys, [
      newId(),
      TOMBSTONE_LIFE_MS,
      this.#provenance(origin),
      children ? '1' : '0',
    ])
    if (children) this.#reclaiming.request()
    return rest[0] === 1
  }

  async clear(origin: Origin): Promise<void> {
    const keys = [this.#names.topGeneration()]
    await this.#batching.run(CLEAR, keys, [newId(), TOMBSTONE_LIFE_MS, this.#provenance(origin)])
    this.#reclaiming.request()
  }

  async peek(key: CacheKey): Promise<Peek> {
    const place = this.#place(key)
    const entry = this.#names.entry(key.text)
    // MGET, since it says nil where a foreign type stands.
    const [[frame = null, ...generations], ttl, time] = (await this.#all([
      ['MGET', ...place],
      ['PTTL', entry],
      ['TIME'],
    ])) as [(Buffer | null)[], number, [Buffer, Buffer]]
    return {
      frame,
      generations,
      now: Number(time[0]) * 1000 + Number(time[1]) / 1000,
      ttlMs: Math.max(0, ttl),
      bytes: frame?.length ?? 0,
    }
  }

  async list({ under, cursor = '0', scan }: ListOptions): Promise<ListPage> {
    const pattern = this.#names.pattern(under)
    const [[next, names], total] = (await this.#all([
      ['SCAN', cursor, 'MATCH', pattern, 'COUNT', scan],
      ['DBSIZE'],
    ])) as [[Buffer, Buffer[]], number]
    const keys = new Map<string, CacheKey>()
    for (const name of names) {
      const key = this.#names.keyOf(name.toString(), under)
      if (key) keys.set(key.text, key)
    }
    const position = next.toString()
    return {
      entries: await this.#live([...keys.values()]),
      cursor: position === '0' ? undefined : position,
      scanned: scan,
      total,
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
    await this.#reclaiming.close()
    await this.#batching.flush()
    this.#connection.close()
  }

  /** The names that every operation on a key is about: its entry, and the generations above it. */
  #place(key: CacheKey): string[] {
    return [this.#names.entry(key.text), ...this.#names.generationsAbove(key)]
  }

  #provenance(origin: Origin): Buffer {
    return encodeProvenance({ ...origin, at: this.#batching.clock.at(performance.now()) })
  }

  async #live(keys: readonly CacheKey[]): Promise<ListedEntry[]> {
    if (keys.length === 0) return []
    const replies = await this.#all(
      keys.flatMap((key): Command[] => {
        const entry = this.#names.entry(key.text)
        return [
          ['GETRANGE', entry, 0, FRAME_HEAD_BYTES - 1],
          ['PTTL', entry],
          ['STRLEN', entry],
        ]
      }),
    )
    const generations = await Promise.all(
      keys.map((key) => this.#batching.read(this.#names.generationsAbove(key), asTheyAre)),
    )
    return keys.flatMap((key, index) => {
      const [head, ttlMs, bytes] = replies.slice(index * 3, index * 3 + 3) as [Buffer, number, number]
      const frame = head.length > 0 ? head : null
      if (!judge({ frame, generations: generations[index] ?? [] }).live) return []
      const body = parseBodyHead(head)
      return body && ttlMs > 0
        ? [{ key, bytes, ttlMs, writtenAt: body.writtenAt, writtenBy: body.writtenBy }]
        : []
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

function toReading([frame = null, ...generations]: (Buffer | null)[]): Reading {
  return { frame, generations }
}

function asTheyAre<T>(values: T): T {
  return values
}

/** Stands for what a listing cannot read: no frame is empty. */
const FOREIGN = Buffer.alloc(0)
