import type { Redis } from 'ioredis'
import { ignore } from '../../background.js'

/** The part of a client of ioredis that resolves the address of the master. */
interface SentinelConnector {
  connectToSentinel(endpoint: unknown, options?: object): Redis
}

/** The clients that ioredis has opened for a client, to ask its sentinels. */
const sentinelsOf = new WeakMap<Redis, Set<Redis>>()

/**
 * Limits what a client does to ask its sentinels, for which ioredis opens further clients. By themselves, these wait for ever
 * for a sentinel that is silent, so that no other one is asked, and keep the process alive meanwhile.
 */
export function guardSentinels(client: Redis): void {
  const { connector } = client as unknown as { readonly connector?: Partial<SentinelConnector> }
  if (connector?.connectToSentinel === undefined) return
  const connect = connector.connectToSentinel.bind(connector)
  const open = new Set<Redis>()
  sentinelsOf.set(client, open)
  connector.connectToSentinel = (endpoint, given) => {
    const { sentinelCommandTimeout, connectTimeout, disconnectTimeout } = client.options
    const commandTimeout = sentinelCommandTimeout ?? connectTimeout
    const sentinel = connect(endpoint, { commandTimeout, disconnectTimeout, ...given })
    sentinel.on('error', ignore)
    sentinel.on('connect', () => sentinel.stream.unref())
    sentinel.on('end', () => open.delete(sentinel))
    open.add(sentinel)
    return sentinel
  }
}

/** Disconnects from the sentinels that are being asked. */
export function endSentinels(client: Redis): void {
  for (const sentinel of sentinelsOf.get(client) ?? []) {
    sentinel.disconnect()
    sentinel.stream?.destroy()
  }
}
