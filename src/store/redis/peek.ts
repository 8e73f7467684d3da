import { FRAME_HEAD_BYTES } from '../../entry/body.js'
import { MAX_FRAME_BYTES } from '../../entry/layout.js'
import { MAX_LEASE_BYTES } from '../../entry/lease.js'
import type { CacheKey } from '../../key/cache-key.js'
import type { PeekResult } from '../store.js'
import { serverTimeOf } from './clock.js'
import type { Command } from './command.js'
import { FOREIGN, withoutForeign } from './foreign-types.js'
import type { Names } from './names.js'
import type { Servers } from './servers.js'

/** Reads what is stored under a key, for the dashboard. None of its commands changes anything. */
export async function peek(servers: Servers, names: Names, key: CacheKey): Promise<PeekResult> {
  const entry = names.entry(key.text)
  const [size, ttl, time] = await repliesTo(servers, entry, [['STRLEN', entry], ['PTTL', entry], ['TIME']])
  const bytes = typeof size === 'number' ? size : 0
  const [frame, lease] = (await repliesTo(servers, entry, [
    ['GETRANGE', entry, 0, bytes > MAX_FRAME_BYTES ? FRAME_HEAD_BYTES : MAX_FRAME_BYTES],
    ['GETRANGE', names.lease(key.text), 0, MAX_LEASE_BYTES],
  ])) as [Buffer, Buffer]
  // After the entry: generations that are read before it could be older, and condemn what is live.
  const generations = await servers.read(names.generationsAbove(key), ({ values }) => values)
  return {
    frame: frame.length > 0 && bytes > MAX_FRAME_BYTES ? FOREIGN : orNull(frame),
    generations,
    lease: orNull(lease),
    now: serverTimeOf(time),
    ttlMs: Math.max(0, Number(ttl)),
    bytes: Math.max(bytes, frame.length),
  }
}

async function repliesTo(servers: Servers, name: string, commands: readonly Command[]): Promise<unknown[]> {
  return withoutForeign(await servers.sendTo(name, commands))
}

function orNull(bytes: Buffer): Buffer | null {
  return bytes.length > 0 ? bytes : null
}
