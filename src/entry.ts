import { crc32 } from 'node:zlib'

/**
 * What stands in an entry's place in a store, as bytes. Pure: no I/O, no clock.
 *
 * ```
 * 'kc'  version  kind  id      n   n × generation id   body
 *  2       1       1    12     1        n × 12          …
 * ```
 * The stores compose the part before the body themselves (the Redis scripts in
 * Lua), because only they know, in one atomic step, the generations that stand.
 * A damaged generation id can only turn a hit into a miss; everything a value
 * is made from lies in the body, under its checksum.
 *
 * A value that knows of soft expiries is of a kind of its own. Around its body
 * stands what no checksum of the body can cover, since only the store knows it:
 * ```
 * eras above it  expired at, or 0  length of who  body  who let it expire
 *      14               14               4          …          …
 * ```
 */
export type FrameKind = 'value' | 'tombstone' | 'marker'

/** Length in bytes of a frame id and of a generation id: 96 random bits. */
export const ID_BYTES = 12

/** No path is deeper, so no entry carries more generations. */
const MAX_GENERATIONS = 255

const MAGIC = 'kc'
const VERSION = 1
const KIND_AT = 3
const ID_AT = 4
const COUNT_AT = ID_AT + ID_BYTES
const GENERATIONS_AT = COUNT_AT + 1

const KIND_BYTE: Record<FrameKind, number> = { value: 0x56, tombstone: 0x54, marker: 0x4d }
/** A value that knows of soft expiries. */
const MARKED_VALUE = 0x45

/** Times and counts are written as so many digits, which Lua reads as JavaScript does. */
const DIGITS = 14
const WHO_DIGITS = 4
const VALUE_MARK_BYTES = 2 * DIGITS + WHO_DIGITS

/** So many bytes stand before the generations: enough to tell a frame's kind and id. */
export const COUNT_END = GENERATIONS_AT

/** Where each field of a body stands: checksum, format, flags, written, ttl, grace, computing, length of the writer's name. */
const FORMAT_AT = 4
const FLAGS_AT = 5
const WRITTEN_AT = 6
const TTL_AT = 12
const GRACE_AT = 18
const COMPUTING_AT = 24
const WRITER_LENGTH_AT = 28
const BODY_HEAD_BYTES = 29

/** The payload tells of a computation that failed, instead of a value. */
const FAILURE_FLAG = 1

const MAX_COMPUTING_MICROS = 2 ** 32 - 1
const MAX_WRITER_BYTES = 64

/** So many bytes from the start of a frame always hold all but its payload. */
export const FRAME_HEAD_BYTES =
  GENERATIONS_AT + 32 * ID_BYTES + VALUE_MARK_BYTES + BODY_HEAD_BYTES + MAX_WRITER_BYTES

/** A value with what the store knows about it. Times in milliseconds. */
export interface EntryBody {
  /** How the payload is serialised and whether it is compressed: the codec's business. */
  readonly format: number
  /** When it was written, on the store's clock. */
  readonly writtenAt: number
  /** How long it is fresh. */
  readonly ttlMs: number
  /** How long it stands after that, stale. */
  readonly graceMs: number
  /** How long computing it took; 0 for what was set. */
  readonly computingMs: number
  /** The payload tells of a computation that failed, instead of a value. */
  readonly isFailure: boolean
  /** The process that wrote it, `host:pid`. */
  readonly writtenBy: string
  readonly payload: Buffer
}

/** What an entry is written with; the store adds the time, on its own clock. */
export interface NewEntry
  extends Pick<EntryBody, 'format' | 'ttlMs' | 'writtenBy' | 'payload'>,
    Partial<Pick<EntryBody, 'graceMs' | 'computingMs' | 'isFailure'>> {}

/** How long an entry stands in its store: fresh, then stale. */
export function lifeOf({ ttlMs, graceMs = 0 }: NewEntry): number {
  return ttlMs + graceMs
}

/**
 * Whether an entry is past its TTL at a moment of the store's clock, or was let
 * expire, and stands for those alone who may be served what is stale.
 */
export function isStale(
  { writtenAt, ttlMs, graceMs }: Omit<EntryBody, 'payload'>,
  now: number,
  expired: number | undefined,
): boolean {
  // Without grace it is the store that lets it go, at the very moment.
  return expired !== undefined || (graceMs > 0 && now >= writtenAt + ttlMs)
}

/** Who invalidated something, when, and from where. */
export interface Provenance {
  /** Milliseconds since the epoch, on the store's clock. */
  readonly at: number
  /** `host:pid` */
  readonly process: string
  /** Method and path of the request: `POST /products/123`. */
  readonly route?: string | undefined
  readonly user?: string | undefined
}

/** Composes a frame; a store that does this elsewhere must yield the same bytes. */
export function composeFrame(
  kind: FrameKind,
  id: Buffer,
  generations: readonly Buffer[],
  body: Buffer = Buffer.alloc(0),
): Buffer {
  if (generations.length > MAX_GENERATIONS) throw new RangeError('too many generations')
  return Buffer.concat([frameStart(kind), id, Buffer.of(generations.length), ...generations, body])
}

/** A value below these generations, joined as `joinGenerations` does. */
export function composeValue(id: Buffer, joined: Buffer, body: Buffer): Buffer {
  const ids = joined.subarray(0, -DIGITS)
  const eras = joined.subarray(-DIGITS)
  const isMarked = numberAt(eras, 0, DIGITS) > 0
  return Buffer.concat([
    isMarked ? frameOfKind(MARKED_VALUE) : frameStart('value'),
    id,
    Buffer.of(ids.length / ID_BYTES),
    ids,
    ...(isMarked ? [eras, digits(0), digits(0, WHO_DIGITS)] : []),
    body,
  ])
}

/** The first four bytes of every frame of a kind. The Redis scripts spell them out. */
function frameStart(kind: FrameKind): Buffer {
  return frameOfKind(KIND_BYTE[kind])
}

function frameOfKind(kind: number): Buffer {
  return Buffer.from([MAGIC.charCodeAt(0), MAGIC.charCodeAt(1), VERSION, kind])
}

function digits(number: number, count = DIGITS): Buffer {
  return Buffer.from(String(Math.floor(number)).padStart(count, '0'))
}

/** Without making a text of it first: reads of what was let expire come here. */
function numberAt(bytes: Buffer, at: number, count: number): number {
  let number = 0
  for (let index = at; index < at + count; index++) number = number * 10 + (bytes[index] as number) - 0x30
  return number
}

/** The id of a frame that is known to be one. */
export function frameId(frame: Buffer): Buffer {
  return frame.subarray(ID_AT, COUNT_AT)
}

export function encodeBody(entry: NewEntry, writtenAt: number): Buffer {
  const { format, ttlMs, graceMs = 0, computingMs = 0, isFailure = false, writtenBy, payload } = entry
  const writer = Buffer.from(writtenBy).subarray(0, MAX_WRITER_BYTES)
  const body = Buffer.allocUnsafe(BODY_HEAD_BYTES + writer.length + payload.length)
  body[FORMAT_AT] = format
  body[FLAGS_AT] = isFailure ? FAILURE_FLAG : 0
  // Down: an entry never has more time left than its TTL.
  body.writeUIntBE(Math.max(0, Math.floor(writtenAt)), WRITTEN_AT, 6)
  body.writeUIntBE(Math.max(0, Math.round(ttlMs)), TTL_AT, 6)
  body.writeUIntBE(Math.max(0, Math.round(graceMs)), GRACE_AT, 6)
  body.writeUInt32BE(Math.min(MAX_COMPUTING_MICROS, Math.round(computingMs * 1_000)), COMPUTING_AT)
  body[WRITER_LENGTH_AT] = writer.length
  writer.copy(body, BODY_HEAD_BYTES)
  payload.copy(body, BODY_HEAD_BYTES + writer.length)
  body.writeUInt32BE(crc32(body.subarray(FORMAT_AT)), 0)
  return body
}

/** What a frame says about itself before its value is decoded. */
export type Frame =
  | { readonly kind: 'value'; readonly id: Buffer; readonly generations: number; readonly bytes: Buffer }
  | { readonly kind: 'tombstone'; readonly id: Buffer; readonly provenance: Provenance | undefined }
  | { readonly kind: 'marker'; readonly id: Buffer }
  | { readonly kind: 'unreadable'; readonly why: 'foreign bytes' | 'a newer version' | 'damaged' }

export function parseFrame(bytes: Buffer): Frame {
  if (bytes.length < GENERATIONS_AT || bytes[0] !== MAGIC.charCodeAt(0) || bytes[1] !== MAGIC.charCodeAt(1)) {
    return { kind: 'unreadable', why: 'foreign bytes' }
  }
  if (bytes[2] !== VERSION) return { kind: 'unreadable', why: 'a newer version' }
  const id = bytes.subarray(ID_AT, COUNT_AT)
  const generations = bytes[COUNT_AT] as number
  switch (bytes[KIND_AT]) {
    case KIND_BYTE.value:
    case MARKED_VALUE:
      return { kind: 'value', id, generations, bytes }
    case KIND_BYTE.tombstone:
      return { kind: 'tombstone', id, provenance: parseProvenance(bytes.subarray(GENERATIONS_AT)) }
    case KIND_BYTE.marker:
      return { kind: 'marker', id }
    default:
      return { kind: 'unreadable', why: 'damaged' }
  }
}

/** The body of a value frame, or `undefined` when its checksum or its lengths are wrong. */
export function parseBody(bytes: Buffer): EntryBody | undefined {
  const at = bodyAt(bytes)
  if (!hasMarks(bytes, at)) return undefined
  const end = bodyEnd(bytes, at)
  if (end < at + BODY_HEAD_BYTES) return undefined
  if (crc32(bytes.subarray(at + FORMAT_AT, end)) !== bytes.readUInt32BE(at)) return undefined
  return readBody(bytes, at, end)
}

/** The same from the first `FRAME_HEAD_BYTES` of a frame: unchecked, its payload cut off. For listings. */
export function parseBodyHead(head: Buffer): Omit<EntryBody, 'payload'> | undefined {
  const at = bodyAt(head)
  return head.length < at + BODY_HEAD_BYTES ? undefined : readBody(head, at, head.length)
}

function bodyAt(bytes: Buffer): number {
  const at = GENERATIONS_AT + (bytes[COUNT_AT] as number) * ID_BYTES
  return bytes[KIND_AT] === MARKED_VALUE ? at + VALUE_MARK_BYTES : at
}

/** Whether all the digits that its kind has before a body are there: no checksum covers them. */
function hasMarks(bytes: Buffer, at: number): boolean {
  if (bytes[KIND_AT] !== MARKED_VALUE) return true
  for (let index = at - VALUE_MARK_BYTES; index < at; index++) {
    const digit = (bytes[index] as number) - 0x30
    if (!(digit >= 0 && digit <= 9)) return false
  }
  return true
}

function bodyEnd(bytes: Buffer, at: number): number {
  if (bytes[KIND_AT] !== MARKED_VALUE) return bytes.length
  return bytes.length - numberAt(bytes, at - WHO_DIGITS, WHO_DIGITS)
}

function readBody(bytes: Buffer, at: number, end: number): EntryBody | undefined {
  const payloadAt = at + BODY_HEAD_BYTES + (bytes[at + WRITER_LENGTH_AT] as number)
  if (payloadAt > end) return undefined
  return {
    format: bytes[at + FORMAT_AT] as number,
    writtenAt: bytes.readUIntBE(at + WRITTEN_AT, 6),
    ttlMs: bytes.readUIntBE(at + TTL_AT, 6),
    graceMs: bytes.readUIntBE(at + GRACE_AT, 6),
    computingMs: bytes.readUInt32BE(at + COMPUTING_AT) / 1_000,
    isFailure: ((bytes[at + FLAGS_AT] as number) & FAILURE_FLAG) !== 0,
    writtenBy: bytes.toString('utf8', at + BODY_HEAD_BYTES, payloadAt),
    payload: bytes.subarray(payloadAt, end),
  }
}

/**
 * A generation as a store holds it: its id, `1` once something was written
 * below it (else `0`), and, when a delete made it, who and when. Before that,
 * once what lies below was let expire: how often that was, and the last time.
 *
 * ```
 * '~'  era  expired at  who  newline
 *  1   14      14        …      1
 * ```
 * The era is a count, and safe to rely on, since it stands under an id that is
 * never used twice: what is lost takes both along.
 */
export interface Generation {
  readonly id: Buffer
  readonly inUse: boolean
  readonly provenance: Provenance | undefined
}

const MARK = 0x7e
const MARK_AT = ID_BYTES + 1
const ERA_AT = MARK_AT + 1
const EXPIRED_AT = ERA_AT + DIGITS
const WHO_AT = EXPIRED_AT + DIGITS
const NEWLINE = 0x0a

export function composeGeneration(id: Buffer, inUse: boolean, info: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([id, Buffer.from(inUse ? '1' : '0'), info])
}

export function parseGeneration(bytes: Buffer): Generation | undefined {
  if (bytes.length <= ID_BYTES) return undefined
  return {
    id: bytes.subarray(0, ID_BYTES),
    inUse: bytes[ID_BYTES] === 0x31,
    provenance: parseProvenance(bytes.subarray(markEnd(bytes))),
  }
}

/** The same generation in its next era: what was written below it until now is stale. */
export function expireGeneration(bytes: Buffer, at: number, who: Buffer): Buffer {
  return Buffer.concat([
    bytes.subarray(0, MARK_AT),
    Buffer.of(MARK),
    digits(eraOf(bytes) + 1),
    digits(at),
    who,
    Buffer.of(NEWLINE),
    bytes.subarray(markEnd(bytes)),
  ])
}

/** How often what lies below a generation was let expire. */
function eraOf(generation: Buffer): number {
  return generation[MARK_AT] === MARK ? numberAt(generation, ERA_AT, DIGITS) : 0
}

/** Where what a delete has left in a generation begins. */
function markEnd(generation: Buffer): number {
  return generation[MARK_AT] === MARK ? generation.indexOf(NEWLINE, WHO_AT) + 1 : MARK_AT
}

/** The same frame under a new id: a value, if it is live, expired now, unless it was let expire before. */
export function expireFrame(frame: Buffer, id: Buffer, isLive: boolean, at: number, who: Buffer): Buffer {
  const own = bodyAt(frame)
  if (!isLive || expiredItself(frame) > 0) {
    return Buffer.concat([frame.subarray(0, ID_AT), id, frame.subarray(COUNT_AT)])
  }
  const isMarked = frame[KIND_AT] === MARKED_VALUE
  const marksAt = isMarked ? own - VALUE_MARK_BYTES : own
  return Buffer.concat([
    frameOfKind(MARKED_VALUE),
    id,
    frame.subarray(COUNT_AT, marksAt),
    isMarked ? frame.subarray(marksAt, marksAt + DIGITS) : digits(0),
    digits(at),
    digits(who.length, WHO_DIGITS),
    frame.subarray(own),
    who,
  ])
}

/** When a value was let expire itself; 0 if it was not. */
function expiredItself(frame: Buffer): number {
  if (frame[KIND_AT] !== MARKED_VALUE) return 0
  return numberAt(frame, bodyAt(frame) - WHO_DIGITS - DIGITS, DIGITS)
}

/** Who let a value expire, when, and with what. */
export interface Expiry {
  readonly at: number
  readonly provenance: Provenance | undefined
  /** How many segments the key has that was let expire with its children; `undefined` if it was the value's own. */
  readonly depth: number | undefined
}

/**
 * Since when a live value is stale because somebody let it expire, on the
 * store's clock; `undefined` as a rule, which costs a look at one byte of each
 * generation.
 */
export function expiredAt(frame: Buffer, generations: readonly (Buffer | null)[]): number | undefined {
  let eras = 0
  for (const generation of generations) if (generation) eras += eraOf(generation)
  if (frame[KIND_AT] !== MARKED_VALUE) return eras === 0 ? undefined : firstExpiry(frame, generations).at
  const isOfThisEra = numberAt(frame, bodyAt(frame) - VALUE_MARK_BYTES, DIGITS) === eras
  const own = expiredItself(frame)
  if (isOfThisEra) return own === 0 ? undefined : own
  const { at } = firstExpiry(frame, generations)
  return own === 0 ? at : Math.min(own, at)
}

/** The same with who did it, for people. */
export function expiryOf(frame: Buffer, generations: readonly (Buffer | null)[]): Expiry | undefined {
  const at = expiredAt(frame, generations)
  if (at === undefined) return undefined
  if (at === expiredItself(frame)) {
    const provenance = parseProvenance(frame.subarray(bodyEnd(frame, bodyAt(frame))))
    return { at, provenance, depth: undefined }
  }
  const { mark, depth } = firstExpiry(frame, generations)
  const who = mark?.subarray(WHO_AT, markEnd(mark) - 1)
  return { at, provenance: who && parseProvenance(who), depth }
}

/**
 * Of the marks above a value, the first that was made since it was written:
 * the one from which its grace counts. That it is stale the eras say; a clock
 * that was set back only makes this the last of them.
 */
function firstExpiry(
  frame: Buffer,
  generations: readonly (Buffer | null)[],
): { readonly at: number; readonly mark?: Buffer; readonly depth?: number } {
  const writtenAt = parseBodyHead(frame)?.writtenAt ?? 0
  const marks = generations
    .map((mark, depth) => ({
      mark,
      depth,
      at: mark && eraOf(mark) > 0 ? numberAt(mark, EXPIRED_AT, DIGITS) : 0,
    }))
    .filter((one): one is { mark: Buffer; depth: number; at: number } => one.at > 0)
    .sort((one, other) => one.at - other.at)
  return marks.find(({ at }) => at >= writtenAt) ?? marks.at(-1) ?? { at: writtenAt }
}

/**
 * Of the generations above an entry (outermost first, as a store holds them),
 * the first that is not the one the entry was written under: its position, or
 * -1 when all stand. An absent generation never matches.
 */
export function firstBrokenGeneration(frame: Buffer, generations: readonly (Buffer | null)[]): number {
  if (frame[COUNT_AT] !== generations.length) return 0
  if (frame.length < GENERATIONS_AT + generations.length * ID_BYTES) return 0
  for (let position = 0; position < generations.length; position++) {
    const generation = generations[position]
    const at = GENERATIONS_AT + position * ID_BYTES
    if (!generation || generation.length <= ID_BYTES) return position
    if (generation.compare(frame, at, at + ID_BYTES, 0, ID_BYTES) !== 0) return position
  }
  return -1
}

/**
 * A lease as a store holds it: the right to compute one key, until it lapses.
 *
 * ```
 * token  awaited  lapses  generations it started from, their eras
 *  12       1       14      n × 12                       14
 * ```
 */
export interface Lease {
  readonly token: Buffer
  /** Whether somebody waits for it, and is told when it ends. */
  readonly awaited: boolean
  /** On the store's clock. */
  readonly lapsesAt: number
  /** The generations it started from, as `joinGenerations` gives them. */
  readonly started: Buffer
}

const LAPSES_AT = ID_BYTES + 1
const STARTED_AT = LAPSES_AT + 14

export function parseLease(bytes: Buffer): Lease | undefined {
  if (bytes.length < STARTED_AT) return undefined
  return {
    token: bytes.subarray(0, ID_BYTES),
    awaited: bytes[ID_BYTES] === 0x31,
    lapsesAt: Number(bytes.toString('latin1', LAPSES_AT, STARTED_AT)),
    started: bytes.subarray(STARTED_AT),
  }
}

export function composeLease({ token, awaited, lapsesAt, started }: Lease): Buffer {
  const head = (awaited ? '1' : '0') + String(Math.floor(lapsesAt)).padStart(STARTED_AT - LAPSES_AT, '0')
  return Buffer.concat([token, Buffer.from(head), started])
}

/**
 * What a computation or a fill relies on: the ids of generations, outermost
 * first, and the sum of their eras, which changes with each of them since none
 * ever goes back. `undefined` when one is absent, which matches nothing.
 */
export function joinGenerations(generations: readonly (Buffer | null)[]): Buffer | undefined {
  const ids: Buffer[] = []
  let eras = 0
  for (const generation of generations) {
    if (!generation || generation.length < ID_BYTES) return undefined
    ids.push(generation.subarray(0, ID_BYTES))
    eras += eraOf(generation)
  }
  ids.push(eras === 0 ? NO_ERAS : digits(eras))
  return Buffer.concat(ids)
}

const NO_ERAS = digits(0)

const MAX_LABEL = 200

/** Whatever a hook gave as a label: a delete must not fail over its record. */
export function label(text: unknown): string | undefined {
  const printable = typeof text === 'string' || typeof text === 'number' || typeof text === 'bigint'
  return printable ? String(text).slice(0, MAX_LABEL).toWellFormed() : undefined
}

export function encodeProvenance({ at, process, route, user }: Provenance): Buffer {
  return Buffer.from(JSON.stringify({ at: Math.round(at), process, route: label(route), user: label(user) }))
}

function parseProvenance(bytes: Buffer): Provenance | undefined {
  if (bytes.length === 0 || bytes[0] !== 0x7b) return undefined
  try {
    const { at, process, route, user } = JSON.parse(bytes.toString()) as Record<string, unknown>
    if (typeof at !== 'number' || typeof process !== 'string') return undefined
    return {
      at,
      process,
      ...(typeof route === 'string' && { route }),
      ...(typeof user === 'string' && { user }),
    }
  } catch {
    return undefined
  }
}
