import { FRAME_HEAD_BYTES } from '../../entry/body.js'
import { MAX_FRAME_BYTES } from '../../entry/layout.js'
import { MAX_LEASE_BYTES } from '../../entry/lease.js'
import type { CacheKey } from '../../key/cache-key.js'
import type { PeekResult } from '../store.js'
import { serverTimeOf } from './clock.js'
import type { Connection } from './connection.js'
import { FOREIGN, generationRead, repliesTo } from './foreign-types.js'
import type { Names } from './names.js'

/** Reads what is stored under a key, for the dashboard. None of its commands changes anything. */
export async function peek(
  connection: Connection,
  names: Names,
  key: CacheKey,
  timeoutMs: number,
): Promise<PeekResult> {
  const entry = names.entry(key.text)
  const [size, ttl, time] = await repliesTo(
    connection,
    [['STRLEN', entry], ['PTTL', entry], ['TIME']],
    timeoutMs,
  )
  const bytes = typeof size === 'number' ? size : 0
  // After the entry's size; the generations after the entry, or they could be older and condemn what is live.
  const replies = await repliesTo(
    connection,
    [
      ['GETRANGE', entry, 0, bytes > MAX_FRAME_BYTES ? FRAME_HEAD_BYTES : MAX_FRAME_BYTES],
      ['GETRANGE', names.lease(key.text), 0, MAX_LEASE_BYTES],
      ...names.generationsAbove(key).map(generationRead),
    ],
    timeoutMs,
  )
  const [frame, lease, ...generations] = replies.map((value) => {
    return (value as Buffer).length > 0 ? (value as Buffer) : null
  })
  return {
    frame: frame && bytes > MAX_FRAME_BYTES ? FOREIGN : (frame ?? null),
    generations,
    lease: lease ?? null,
    now: serverTimeOf(time),
    ttlMs: Math.max(0, Number(ttl)),
    bytes: Math.max(bytes, frame?.length ?? 0),
  }
}
