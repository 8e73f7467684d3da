import { isStale, parseBodyHead } from '../entry/body.js'
import type { CacheKey } from '../key/cache-key.js'
import { judge } from './judge.js'
import type { ListedEntry, Reading } from './store.js'

/** What a listing finds in an entry's place: at least the head of the frame. */
interface Found extends Reading {
  readonly bytes: number
  /** How long it stands still. */
  readonly lifeMs: number
}

/** One live entry for a listing, if it is one: a failure is not a value, and what has no time left is gone. */
export function listed(key: CacheKey, { bytes, lifeMs, now, ...reading }: Found): ListedEntry[] {
  const judgement = judge(reading)
  const body = judgement.live ? parseBodyHead(judgement.frame) : undefined
  if (!judgement.live || !body || body.isFailure || lifeMs <= 0) return []
  const { writtenAt, writtenBy, graceMs, computingMs } = body
  const ttlMs = isStale(body, now, judgement.expiredAt) ? 0 : Math.max(1, lifeMs - graceMs)
  return [{ key, bytes, ttlMs, writtenAt, writtenBy, computingMs }]
}
