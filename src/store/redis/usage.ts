import type { StoreUsage } from '../store.js'
import type { Connection } from './connection.js'

const FIELD = /^(\w+):(.*?)\r?$/gm

/**
 * Reads how full the server is. `undefined` where its user may not run `INFO`.
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
