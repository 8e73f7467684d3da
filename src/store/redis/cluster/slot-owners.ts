import type { NatMap } from 'ioredis'
import type { Address } from '../redis-url.js'

/** The master of a range of slots, and its replicas. */
export interface OwnedRange {
  readonly first: number
  readonly last: number
  readonly master: Address
  readonly replicas: readonly Address[]
}

/**
 * Reads the reply to `CLUSTER SLOTS`, with the addresses at which this process reaches the nodes. A node that does not
 * know its own host has that of `asked`, which has answered. `undefined` for anything else.
 * @see https://redis.io/docs/latest/commands/cluster-slots/
 */
export function ownedRanges(
  reply: unknown,
  asked: Address,
  natMap: NatMap | undefined,
): OwnedRange[] | undefined {
  if (!Array.isArray(reply)) return undefined
  return reply.flatMap((range: readonly unknown[]): OwnedRange[] => {
    const [first, last, master, ...replicas] = range as [number, number, ...unknown[]]
    const toAddress = (node: unknown): Address => {
      const [host, port] = node as [Buffer | null, number]
      return reachable({ host: String(host ?? ''), port: Number(port) }, asked, natMap)
    }
    return master === undefined
      ? []
      : [{ first, last, master: toAddress(master), replicas: replicas.map(toAddress) }]
  })
}

/** The address at which this process reaches a node that reports another one. */
export function reachable({ host, port }: Address, asked: Address, natMap: NatMap | undefined): Address {
  const reported = { host: host === '' || host === '?' ? asked.host : host, port }
  if (natMap === undefined) return reported
  const key = textOf(reported)
  const mapped = typeof natMap === 'function' ? natMap(key) : natMap[key]
  return mapped ? { host: mapped.host, port: Number(mapped.port) } : reported
}

export function textOf({ host, port }: Address): string {
  return `${host}:${port}`
}
