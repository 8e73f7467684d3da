import { isStale, parseBodyHead } from '../entry/body.js'
import type { CacheKey } from '../key/cache-key.js'
import { checkLiveness } from './liveness.js'
import type { ListedEntry, ReadResult } from './store.js'

/** The part of an entry that a listing has read: at least the head of its frame. */
interface Found extends ReadResult {
  readonly bytes: number
  /** Milliseconds until the frame expires. */
  readonly lifeMs: number
}

/** An entry as listings have it; `undefined` unless it is a live value. A kept failure is not a value. */
export function listedEntry(
  key: CacheKey,
  { bytes, lifeMs, now, ...reading }: Found,
): ListedEntry | undefined {
  const liveness = checkLiveness(reading)
  const body = liveness.live ? parseBodyHead(liveness.frame) : undefined
  if (!liveness.live || !body || body.isFailure || lifeMs <= 0) return undefined
  const { writtenAt, writtenBy, graceMs, computingMs } = body
  const ttlMs = isStale(body, now, liveness.expiredAt) ? 0 : Math.max(1, lifeMs - graceMs)
  return { key, bytes, ttlMs, writtenAt, writtenBy, computingMs }
}
