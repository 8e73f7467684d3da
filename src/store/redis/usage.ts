import type { StoreUsage } from '../store.js'
import type { Connection } from './connection.js'
import { asNotResponding } from './not-responding.js'

/** Replies to a command that this user may not run, and to one that the server has disabled. */
const NOT_ALLOWED = /^(?:NOPERM|ERR unknown command)/

const FIELD = /^(\w+):(.*?)\r?$/gm

/**
 * Reads how full the server is. `undefined` where its user may not run `INFO`.
 * @throws CacheNotRespondingError
 * @see https://redis.io/docs/latest/commands/info/
 */
export async function readUsage(connection: Connection, timeoutMs: number): Promise<StoreUsage | undefined> {
  const replies = await connection.sendAll(
    [
      ['INFO', 'memory'],
      ['INFO', 'stats'],
    ],
    performance.now() + timeoutMs,
  )
  const refusal = replies.find((reply) => reply instanceof Error)
  if (refusal instanceof Error) {
    if (NOT_ALLOWED.test(refusal.message)) return undefined
    throw asNotResponding(refusal)
  }
  const fields = new Map(replies.flatMap((reply) => [...String(reply).matchAll(FIELD)].map(toPair)))
  const [usedBytes, maxBytes, evictions] = ['used_memory', 'maxmemory', 'evicted_keys'].map((name) => {
    return Number(fields.get(name) ?? Number.NaN)
  }) as [number, number, number]
  if (Number.isNaN(usedBytes) || Number.isNaN(evictions)) return undefined
  return {
    usedBytes,
    maxBytes: maxBytes > 0 ? maxBytes : undefined,
    evictions,
    policy: fields.get('maxmemory_policy') ?? '',
  }
}

function toPair([, name = '', value = '']: RegExpMatchArray): [string, string] {
  return [name, value]
}
