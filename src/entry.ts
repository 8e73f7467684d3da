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
 */
export type FrameKind = 'value' | 'tombstone' | 'marker'

/** Length in bytes of a frame id and of a generation id: 96 random bits. */
export const ID_BYTES = 12

/** No path is deeper, so no entry carries more generations. */
const MAX_GENERATIONS = 255

const MAGIC = 'kc'
const VERSION = 1
const ID_AT = 4
const COUNT_AT = ID_AT + ID_BYTES
const GENERATIONS_AT = COUNT_AT + 1

const KIND_BYTE: Record<FrameKind, number> = { value: 0x56, tombstone: 0x54, marker: 0x4d }

/** So many bytes stand before the generations: enough to tell a frame's kind and id. */
export const COUNT_END = GENERATIONS_AT

/** Checksum, format, written, ttl, length of the writer's name. */
const BODY_HEAD_BYTES = 4 + 1 + 6 + 6 + 1
const MAX_WRITER_BYTES = 64

/** So many bytes from the start of a frame always hold all but its payload. */
export const FRAME_HEAD_BYTES = GENERATIONS_AT + 32 * ID_BYTES + BODY_HEAD_BYTES + MAX_WRITER_BYTES

/** A value with what the store knows about it. Times in milliseconds. */
export interface EntryBody {
  /** How the payload is serialised and whether it is compressed: the codec's business. */
  readonly format: number
  /** When it was written, on the store's clock. */
  readonly writtenAt: number
  readonly ttlMs: number
  /** The process that wrote it, `host:pid`. */
  readonly writtenBy: string
  readonly payload: Buffer
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

/** The first four bytes of every frame of a kind. The Redis scripts spell them out. */
function frameStart(kind: FrameKind): Buffer {
  return Buffer.from([MAGIC.charCodeAt(0), MAGIC.charCodeAt(1), VERSION, KIND_BYTE[kind]])
}

/** The id of a frame that is known to be one. */
export function frameId(frame: Buffer): Buffer {
  return frame.subarray(ID_AT, COUNT_AT)
}

export function encodeBody({ format, writtenAt, ttlMs, writtenBy, payload }: EntryBody): Buffer {
  const writer = Buffer.from(writtenBy).subarray(0, MAX_WRITER_BYTES)
  const body = Buffer.allocUnsafe(BODY_HEAD_BYTES + writer.length + payload.length)
  body[4] = format
  body.writeUIntBE(Math.max(0, Math.round(writtenAt)), 5, 6)
  body.writeUIntBE(Math.max(0, Math.round(ttlMs)), 11, 6)
  body[17] = writer.length
  writer.copy(body, BODY_HEAD_BYTES)
  payload.copy(body, BODY_HEAD_BYTES + writer.length)
  body.writeUInt32BE(crc32(body.subarray(4)), 0)
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
  switch (bytes[3]) {
    case KIND_BYTE.value:
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
  const at = GENERATIONS_AT + (bytes[COUNT_AT] as number) * ID_BYTES
  if (bytes.length < at + BODY_HEAD_BYTES) return undefined
  if (crc32(bytes.subarray(at + 4)) !== bytes.readUInt32BE(at)) return undefined
  return readBody(bytes, at)
}

/** The same from the first `FRAME_HEAD_BYTES` of a frame: unchecked, its payload cut off. For listings. */
export function parseBodyHead(head: Buffer): Omit<EntryBody, 'payload'> | undefined {
  const at = GENERATIONS_AT + (head[COUNT_AT] as number) * ID_BYTES
  return head.length < at + BODY_HEAD_BYTES ? undefined : readBody(head, at)
}

function readBody(bytes: Buffer, at: number): EntryBody | undefined {
  const payloadAt = at + BODY_HEAD_BYTES + (bytes[at + 17] as number)
  if (payloadAt > bytes.length) return undefined
  return {
    format: bytes[at + 4] as number,
    writtenAt: bytes.readUIntBE(at + 5, 6),
    ttlMs: bytes.readUIntBE(at + 11, 6),
    writtenBy: bytes.toString('utf8', at + BODY_HEAD_BYTES, payloadAt),
    payload: bytes.subarray(payloadAt),
  }
}

/**
 * A generation as a store holds it: its id, `1` once something was written
 * below it (else `0`), and, when a delete made it, who and when.
 */
export interface Generation {
  readonly id: Buffer
  readonly inUse: boolean
  readonly provenance: Provenance | undefined
}

export function composeGeneration(id: Buffer, inUse: boolean, info: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([id, Buffer.from(inUse ? '1' : '0'), info])
}

export function parseGeneration(bytes: Buffer): Generation | undefined {
  if (bytes.length <= ID_BYTES) return undefined
  return {
    id: bytes.subarray(0, ID_BYTES),
    inUse: bytes[ID_BYTES] === 0x31,
    provenance: parseProvenance(bytes.subarray(ID_BYTES + 1)),
  }
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

const MAX_LABEL = 200

/** Whatever a hook gave as a label: a delete must not fail over its record. */
function label(text: unknown): string | undefined {
  const printable = typeof text === 'string' || typeof text === 'number' || typeof text === 'bigint'
  return printable ? String(text).slice(0, MAX_LABEL) : undefined
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
