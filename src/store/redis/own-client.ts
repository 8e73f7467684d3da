import type { Redis, RedisOptions } from 'ioredis'
import { BACKGROUND, withDeadline } from '../deadline.js'
import type { ServerAccess } from './access.js'
import { effectiveOptions } from './effective-options.js'
import { withoutArguments } from './safe-error.js'
import { endSentinels, guardSentinels } from './sentinel-clients.js'
import type { RedisServerOptions } from './target.js'

/** Opens clients of the cache's own for one server. */
export interface OwnClients {
  /** A client for commands. It connects when its `connect` is called. */
  open(reconnectsAtOnce: () => boolean): Redis
  /** A client for subscriptions, which can do nothing else. */
  openSubscriber(): Redis
}

/** Clients that were ended: none of them may connect any more. */
const ended = new WeakSet<Redis>()

/** The errors for which sockets are being replaced: what fails on one meanwhile has this reason. */
const refusals = new WeakMap<Redis, Error>()

/** The error for which the socket of a client is being replaced. */
export function refusalOf(client: Redis): Error | undefined {
  return refusals.get(client)
}

/**
 * Opens clients of the cache's own. A client that the application uses too would queue, resend and delay commands as
 * the application has configured it.
 */
export function ownClients(access: ServerAccess, connectTimeoutMs: number): OwnClients {
  const open = (retryStrategy: (attempt: number) => number): Redis => {
    const effective = (given: RedisServerOptions) => {
      return effectiveOptions(given, {
        connectTimeout: given.connectTimeout ?? connectTimeoutMs,
        connectionName: given.connectionName ?? 'keyedcache',
        retryStrategy,
      })
    }
    const client = access.create(effective(access.current()))
    connectWithCurrentOptions(client, access, effective, connectTimeoutMs)
    return unobtrusive(client)
  }
  const pauseMs = (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 10), 1_000)
  return {
    open: (reconnectsAtOnce) => {
      return open((attempt) => (attempt === 1 && reconnectsAtOnce() ? 0 : pauseMs(attempt)))
    },
    openSubscriber: () => open(pauseMs),
  }
}

/** Ends the socket of a client for a new one, without waiting for a server that is silent. */
export function reconnect(client: Redis): void {
  // Not `disconnect`: that leaves a timer of two seconds and a listener each time.
  client.stream?.destroy()
}

/** Disconnects a client for good, without waiting for a server that is silent. */
export function end(client: Redis): void {
  ended.add(client)
  client.disconnect()
  client.stream?.destroy()
  endSentinels(client)
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
  client.on('error', (error: Error & { readonly command?: { readonly name?: string } }) => {
    // ioredis would go on in database 0.
    if (error.command?.name !== 'select') return
    refusals.set(client, error)
    client.disconnect(true)
  })
  client.on('close', () => refusals.delete(client))
  client.on('connect', () => client.stream.unref())
  client.on('reconnecting', () => {
    ;(client as unknown as { reconnectTimeout: NodeJS.Timeout | null }).reconnectTimeout?.unref()
  })
  return client
}

/** Makes a client take the options that are current at each connect: a password may have changed. */
function connectWithCurrentOptions(
  client: Redis,
  access: ServerAccess,
  effective: (given: RedisServerOptions) => RedisOptions,
  timeoutMs: number,
): void {
  const connect = client.connect.bind(client)
  let connecting: Promise<void> | undefined
  const begin = async (): Promise<void> => {
    try {
      const current = access.current()
      Object.assign(client.options, effective(current))
      const { password } = current
      if (typeof password === 'function') {
        const deadline = performance.now() + timeoutMs
        const asked = Promise.resolve().then(password)
        const given = await withDeadline(deadline, asked, 'The password', BACKGROUND)
        if (typeof given !== 'string') throw new TypeError('the function returned no string')
        client.options.password = given
      }
    } catch (error) {
      // Callers get this as the reason. The attempt goes on, with the last password, since its failure leads to the next.
      client.emit(
        'error',
        new Error('the password could not be obtained', { cause: withoutArguments(error) }),
      )
    }
    if (!ended.has(client)) await connect()
  }
  client.connect = () => {
    connecting ??= begin().finally(() => {
      connecting = undefined
    })
    return connecting
  }
}
