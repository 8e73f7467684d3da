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
  const policy = fields.get('maxmemory_policy') ?? ''
  const limit = maxBytes > 0 ? maxBytes : undefined
  return { usedBytes, maxBytes: limit, evictions, policy, warning: warningOf(policy, usedBytes, limit) }
}

/** Share of its memory limit from which a server that evicts nothing counts as nearly full. */
const NEARLY_FULL = 0.9

function warningOf(policy: string, usedBytes: number, maxBytes: number | undefined): string | undefined {
  if (maxBytes === undefined) return undefined
  if (policy.endsWith('-random')) {
    return `The policy ${policy} evicts generations as often as entries, and everything below them is missed: choose allkeys-lru or allkeys-lfu.`
  }
  if (policy === 'noeviction' && usedBytes > maxBytes * NEARLY_FULL) {
    return 'The server is nearly full and evicts nothing: it will refuse new values.'
  }
  return undefined
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
