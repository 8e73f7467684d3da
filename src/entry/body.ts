import { crc32 } from 'node:zlib'
import {
  bodyAt,
  bodyEnd,
  GENERATIONS_AT,
  ID_BYTES,
  KIND_AT,
  MARKED_VALUE,
  VALUE_MARK_BYTES,
} from './layout.js'

// Offsets of the fields of a body. The checksum comes first.

const FORMAT_AT = 4
/** Offset of the flags in a body. */
export const FLAGS_AT = 5
const WRITTEN_AT = 6
const TTL_AT = 12
const GRACE_AT = 18
const COMPUTING_AT = 24
const WRITER_LENGTH_AT = 28
const BODY_HEAD_BYTES = 29

/** The payload describes a failed computation instead of a value. */
const FAILURE_FLAG = 1
/** The value was set by a plain write: not as a fill, nor under a lease. */
export const PLAIN_FLAG = 2

const MAX_COMPUTING_MICROS = 2 ** 32 - 1
const MAX_WRITER_BYTES = 64

/** Maximum size of everything in a frame before its payload. */
export const FRAME_HEAD_BYTES =
  GENERATIONS_AT + 32 * ID_BYTES + VALUE_MARK_BYTES + BODY_HEAD_BYTES + MAX_WRITER_BYTES

/** A stored value with its metadata. Times in milliseconds. */
export interface EntryBody {
  /** Serialisation and compression of the payload, as the codec defines them. */
  readonly format: number
  /** Time of writing, on the store's clock. */
  readonly writtenAt: number
  /** Time during which it is fresh. */
  readonly ttlMs: number
  /** Time after that during which it is kept as stale. */
  readonly graceMs: number
  /** Time that computing it took; 0 for a value that was set. */
  readonly computingMs: number
  /** Whether the payload describes a failed computation instead of a value. */
  readonly isFailure: boolean
  /** The process that wrote it, `host:pid`. */
  readonly writtenBy: string
  readonly payload: Buffer
}

/** An entry to be written. The store adds the time of writing, on its own clock. */
export interface NewEntry
  extends Pick<EntryBody, 'format' | 'ttlMs' | 'writtenBy' | 'payload'>,
    Partial<Pick<EntryBody, 'graceMs' | 'computingMs' | 'isFailure'>> {}

/** Time during which an entry stays in its store, fresh or stale. In milliseconds. */
export function lifetimeOf({ ttlMs, graceMs = 0 }: NewEntry): number {
  return ttlMs + graceMs
}

/**
 * Whether an entry is stale at a moment of the store's clock: past its TTL, or expired by a soft expiry.
 */
export function isStale(
  { writtenAt, ttlMs, graceMs }: Omit<EntryBody, 'payload'>,
  now: number,
  expired: number | undefined,
): boolean {
  // Without grace, the store removes it at the end of its TTL.
  return expired !== undefined || (graceMs > 0 && now >= writtenAt + ttlMs)
}

/** The bytes of a body with its checksum. */
export function encodeBody(entry: NewEntry, writtenAt: number, isPlain = false): Buffer {
  const { format, ttlMs, graceMs = 0, computingMs = 0, isFailure = false, writtenBy, payload } = entry
  const writer = Buffer.from(writtenBy).subarray(0, MAX_WRITER_BYTES)
  const body = Buffer.allocUnsafe(BODY_HEAD_BYTES + writer.length + payload.length)
  body[FORMAT_AT] = format
  body[FLAGS_AT] = (isFailure ? FAILURE_FLAG : 0) | (isPlain ? PLAIN_FLAG : 0)
  // Rounded down, so that the remaining time never exceeds the TTL.
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

/** The body of a value frame; `undefined` if its checksum or its lengths are wrong. */
export function parseBody(bytes: Buffer): EntryBody | undefined {
  const at = bodyAt(bytes)
  if (!hasMarks(bytes, at)) return undefined
  const end = bodyEnd(bytes, at)
  if (end < at + BODY_HEAD_BYTES) return undefined
  if (crc32(bytes.subarray(at + FORMAT_AT, end)) !== bytes.readUInt32BE(at)) return undefined
  return readBody(bytes, at, end)
}

/** The metadata in the first `FRAME_HEAD_BYTES` of a value frame, without checking the checksum. For listings. */
export function parseBodyHead(head: Buffer): Omit<EntryBody, 'payload'> | undefined {
  const at = bodyAt(head)
  return head.length < at + BODY_HEAD_BYTES ? undefined : readBody(head, at, head.length)
}

/** Whether the marks before the body of a marked value are digits. No checksum covers them. */
function hasMarks(bytes: Buffer, at: number): boolean {
  if (bytes[KIND_AT] !== MARKED_VALUE) return true
  for (let index = at - VALUE_MARK_BYTES; index < at; index++) {
    const digit = (bytes[index] as number) - 0x30
    if (!(digit >= 0 && digit <= 9)) return false
  }
  return true
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
