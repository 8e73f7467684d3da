import type { Redis, RedisOptions } from 'ioredis'
import { ignore } from '../../background.js'
import { loadIoredis } from './ioredis.js'
import { endSentinels, guardSentinels } from './sentinel-clients.js'
import type { RedisTarget } from './target.js'

/** In RESP3 ioredis 6 drops the server's messages about changes; ioredis 5 has RESP2 only. */
const RESP2: object = { protocol: 2, replyMapping: 'legacy' }

/**
 * Opens a client of the cache's own. A client that the application uses too would queue, resend and delay commands as
 * the application has configured it.
 */
export function openClient(
  target: RedisTarget,
  connectTimeoutMs: number,
  reconnectsAtOnce: () => boolean,
): Redis {
  const defaults: RedisOptions = { connectTimeout: connectTimeoutMs, connectionName: 'keyedcache' }
  const required: RedisOptions = {
    lazyConnect: true,
    keyPrefix: '',
    stringNumbers: false,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // How long a socket that is ended waits for its server, which keeps the process alive.
    disconnectTimeout: 100,
    retryStrategy: (attempt) => {
      return attempt === 1 && reconnectsAtOnce() ? 0 : Math.min(50 * 2 ** Math.min(attempt, 10), 1_000)
    },
    // `Connection` does this: ioredis would end the socket once for each error.
    reconnectOnError: () => false,
  }
  const client = isClient(target)
    ? target.duplicate({ ...defaults, ...required })
    : typeof target === 'string'
      ? new (loadIoredis().Redis)(target, { ...defaults, ...required })
      : new (loadIoredis().Redis)({ ...defaults, ...target, ...required })
  return unobtrusive(client)
}

/** Opens a second client for the same server, for subscriptions. It connects when its `connect` is called. */
export function openSubscriber(client: Redis): Redis {
  return unobtrusive(client.duplicate({ autoResubscribe: false, ...RESP2 }))
}

/** Ends the socket of a client for a new one, without waiting for a server that is silent. */
export function reconnect(client: Redis): void {
  // Not `disconnect`: that leaves a timer of two seconds and a listener each time.
  client.stream?.destroy()
}

/** Disconnects a client for good, without waiting for a server that is silent. */
export function end(client: Redis): void {
  client.disconnect()
  client.stream?.destroy()
  endSentinels(client)
}

/** The key prefix that the options or the client of the application add to every key. */
export function keyPrefixOf(target: RedisTarget): string {
  if (typeof target === 'string') return ''
  return (isClient(target) ? target.options.keyPrefix : target.keyPrefix) || ''
}

export function isCluster(target: unknown): boolean {
  return isObject(target) && target.isCluster === true
}

/** Text for people: address and database, never a password. */
export function describeClient(client: Redis): string {
  const { host, port, path, db, sentinels, name } = client.options
  if (sentinels?.length) return `redis sentinel ${name ?? ''}/${db ?? 0}`
  return `redis ${path ?? `${host ?? '127.0.0.1'}:${port ?? 6379}`}/${db ?? 0}`
}

/**
 * Makes a client neither print its failures, which operations report, nor keep the process alive by its sockets and
 * by its pauses between attempts to connect. A command that is waited for does, by the timer of its deadline.
 */
function unobtrusive(client: Redis): Redis {
  guardSentinels(client)
  client.on('error', ignore)
  client.on('connect', () => client.stream.unref())
  client.on('reconnecting', () => {
    ;(client as unknown as { reconnectTimeout: NodeJS.Timeout | null }).reconnectTimeout?.unref()
  })
  return client
}

function isClient(target: unknown): target is Redis {
  return isObject(target) && typeof target.duplicate === 'function'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
