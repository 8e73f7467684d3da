import type { StoreUsage } from '../store.js'
import { asNotResponding } from './not-responding.js'
import type { Server, Servers } from './servers.js'

/** Replies to a command that this user may not run, and to one that the server has disabled. */
const NOT_ALLOWED = /^(?:NOPERM|ERR unknown command)/

const FIELD = /^(\w+):(.*?)\r?$/gm

/**
 * Reads how full the servers are: the sum of all. `undefined` where their user may not run `INFO`.
 * @throws CacheNotRespondingError
 * @see https://redis.io/docs/latest/commands/info/
 */
export async function readUsage(servers: Servers): Promise<StoreUsage | undefined> {
  const usages = await Promise.all((await servers.masters()).map(usageOf))
  let total: StoreUsage | undefined
  for (const usage of usages) {
    if (!usage) return undefined
    total = total ? sumOf(total, usage) : usage
  }
  return total
}

async function usageOf(server: Server): Promise<StoreUsage | undefined> {
  const replies = await server.sendAll([
    ['INFO', 'memory'],
    ['INFO', 'stats'],
  ])
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

/** One without a limit makes the whole unlimited. Where the policies differ, all are named. */
function sumOf(one: StoreUsage, other: StoreUsage): StoreUsage {
  const areLimited = one.maxBytes !== undefined && other.maxBytes !== undefined
  return {
    usedBytes: one.usedBytes + other.usedBytes,
    maxBytes: areLimited ? (one.maxBytes as number) + (other.maxBytes as number) : undefined,
    evictions: one.evictions + other.evictions,
    policy: [...new Set([...one.policy.split(', '), other.policy])].join(', '),
  }
}

function toPair([, name = '', value = '']: RegExpMatchArray): [string, string] {
  return [name, value]
}
