import { Redis } from 'ioredis'
import type { CacheOptions } from '../../src/options.js'
import { type Proxy as FaultyProxy, startProxy } from '../helpers/proxy.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'

/** What a fault is made in: servers, and the proxies before them through which caches connect. */
export interface FaultTarget {
  /** The option `redis` of a cache that the fault affects, with a user of its own: see {@link USER}. */
  readonly redis: CacheOptions['redis']
  /** The option `redis` of a cache that no proxy disturbs. */
  readonly directly: CacheOptions['redis']
  readonly servers: readonly RedisServer[]
  readonly proxies: readonly FaultyProxy[]
  /** A client for each server, which no proxy disturbs. */
  readonly admins: readonly Redis[]
  stop(): Promise<void>
}

/** Starts a target with servers of its own. Its proxies read commands only where they have to, since that takes time. */
export type StartTarget = (options: { readonly readsCommands: boolean }) => Promise<FaultTarget>

/** User of the caches that a fault affects. */
export const USER = { name: 'faults', password: 'secret' } as const

/** What some faults need that a server does not allow by default. */
const ARGUMENTS = ['--enable-debug-command', 'yes', '--repl-diskless-sync-delay', '0']

/** One server. */
export const startServer: StartTarget = async ({ readsCommands }) => {
  const server = await startRedis({ args: ARGUMENTS })
  const proxy = await startProxy(server.port, { readsCommands })
  const admin = new Redis(server.url, { maxRetriesPerRequest: null })
  await allowEverything(admin)
  return {
    redis: urlOf('127.0.0.1', proxy.port),
    directly: server.url,
    servers: [server],
    proxies: [proxy],
    admins: [admin],
    async stop() {
      server.thaw()
      admin.disconnect()
      await proxy.stop()
      await server.stop()
    },
  }
}

export function urlOf(host: string, port: number): string {
  return `redis://${USER.name}:${USER.password}@${host}:${port}`
}

/** Gives the user of the caches all rights. */
export async function allowEverything(admin: Redis): Promise<void> {
  await admin.call('ACL', 'SETUSER', USER.name, 'reset', 'on', `>${USER.password}`, '~*', '&*', '+@all')
}
