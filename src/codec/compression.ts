import { promisify } from 'node:util'
import { constants, createInflateRaw, deflateRaw, inflateRaw } from 'node:zlib'
import { DecodeError } from './decode-error.js'

// Deflate in zlib's thread pool. The inflated size precedes the deflated bytes
// (uint32, little-endian), so that a reader knows it before it inflates them.

const deflateAsync = promisify(deflateRaw)
const inflateAsync = promisify(inflateRaw)

const SIZE_BYTES = 4
/** No deflate stream inflates to more than this times its length (RFC 1951: 258 bytes in two bits). */
const MAX_RATIO = 1032
/** Maximum ratio of compressed to original bytes: a payload that compresses worse is stored as it is. */
const WORTHWHILE = 0.9
const SAMPLE_ABOVE = 64 * 1024
const SAMPLE_PARTS = 4
const SAMPLE_PART_BYTES = 4 * 1024

/** Deflates bytes; `undefined` if that saves too little (images, compressed data). */
export async function deflate(bytes: Buffer): Promise<Buffer | undefined> {
  if (
    bytes.length > SAMPLE_ABOVE &&
    !pays(await deflateBytes(sample(bytes)), SAMPLE_PARTS * SAMPLE_PART_BYTES)
  ) {
    return undefined
  }
  const deflated = await deflateBytes(bytes)
  if (!pays(deflated, bytes.length)) return undefined
  const size = Buffer.allocUnsafe(SIZE_BYTES)
  size.writeUInt32LE(bytes.length)
  return Buffer.concat([size, deflated])
}

/** The inflated size that deflated bytes declare; 0 for bytes that are too short. */
export function inflatedSize(bytes: Buffer): number {
  return bytes.length < SIZE_BYTES ? 0 : bytes.readUInt32LE()
}

/** Inflates bytes. Rejects with `DecodeError` unless the result has exactly the declared size, and at most `maxBytes`. */
export async function inflate(bytes: Buffer, maxBytes: number): Promise<Buffer> {
  const size = inflatedSize(bytes)
  if (size === 0 || size > maxBytes || size > bytes.length * MAX_RATIO) {
    throw new DecodeError('impossible inflated size')
  }
  let inflated: Buffer
  try {
    inflated = await inflateAsync(bytes.subarray(SIZE_BYTES), {
      maxOutputLength: size,
      chunkSize: chunkSize(size),
    })
  } catch (error) {
    throw new DecodeError('cannot be inflated', { cause: error })
  }
  if (inflated.length !== size) throw new DecodeError('inflated to another size')
  return inflated
}

/**
 * Inflates the bytes from `start` to `end`. Fewer are returned if the data ends before that or is damaged. The bytes
 * before `start` are inflated and dropped, those after `end` are not inflated.
 */
export async function inflatePart(bytes: Buffer, start: number, end: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let at = 0
  const stream = createInflateRaw({ chunkSize: chunkSize(end - start) })
  await new Promise<void>((resolve) => {
    stream.on('data', (chunk: Buffer) => {
      const from = Math.max(0, start - at)
      if (from < chunk.length) chunks.push(chunk.subarray(from, end - at))
      at += chunk.length
      if (at >= end) stream.destroy()
    })
    stream.on('error', () => resolve())
    stream.on('close', resolve)
    stream.end(bytes.subarray(SIZE_BYTES))
  })
  return Buffer.concat(chunks)
}

/** Level 1: a quarter of the default level's time, for about a fifth more bytes. */
function deflateBytes(bytes: Buffer): Promise<Buffer> {
  return deflateAsync(bytes, { level: constants.Z_BEST_SPEED, chunkSize: chunkSize(bytes.length) })
}

function pays(deflated: Buffer, from: number): boolean {
  return deflated.length <= from * WORTHWHILE
}

/** Pieces from all parts of a value: it may begin with text and continue with an image. */
function sample(bytes: Buffer): Buffer {
  const stride = Math.floor(bytes.length / SAMPLE_PARTS)
  return Buffer.concat(
    Array.from({ length: SAMPLE_PARTS }, (_, i) =>
      bytes.subarray(i * stride, i * stride + SAMPLE_PART_BYTES),
    ),
  )
}

/** One output buffer for most values; zlib's default of 16 kB makes a large one many. */
function chunkSize(size: number): number {
  return Math.min(Math.max(size, 1024), 256 * 1024)
}
