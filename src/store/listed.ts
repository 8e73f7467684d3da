import { type EntryBody, isStale } from '../entry.js'
import type { CacheKey } from '../key/cache-key.js'
import type { ListedEntry } from './store.js'

/** One live entry for a listing, if it is one: a failure is not a value, and what has no time left is gone. */
export function listed(
  key: CacheKey,
  body: Omit<EntryBody, 'payload'> | undefined,
  bytes: number,
  lifeMs: number,
  now: number,
): ListedEntry[] {
  if (!body || body.isFailure || lifeMs <= 0) return []
  const { writtenAt, writtenBy, graceMs } = body
  const ttlMs = isStale(body, now) ? 0 : Math.max(1, lifeMs - graceMs)
  return [{ key, bytes, ttlMs, writtenAt, writtenBy }]
}
