import type { Cluster, NatMap, Redis, RedisOptions } from 'ioredis'
import { ConfigurationError } from '../../errors.js'
import { loadIoredis } from './ioredis.js'
import type { Address } from './redis-url.js'
import {
  isClient,
  isClusterClient,
  type RedisClusterOptions,
  type RedisServerOptions,
  type RedisTarget,
  readNode,
  readUrl,
} from './target.js'

/** How to connect to one server, or to the master that sentinels name. */
export interface ServerAccess {
  readonly kind: 'server'
  /** Key prefix of the options or of the client that was handed in. */
  readonly keyPrefix: string
  /** The options as they are now: those of a client may change. */
  current(): RedisServerOptions
  /** Makes a client of the same copy of ioredis as the one that was handed in. */
  create(options: RedisOptions): Redis
}

/** Whether this is a target that was read. */
export function isAccess(target: RedisTarget | ServerAccess): target is ServerAccess {
  return typeof target === 'object' && 'current' in target && 'create' in target
}

/** How to connect to the nodes of a Cluster. */
export interface ClusterAccess {
  readonly kind: 'cluster'
  readonly keyPrefix: string
  /** The nodes to ask for the others. */
  startupNodes(): readonly Address[]
  readonly natMap: NatMap | undefined
  /** The options for each node as they are now. */
  current(): RedisServerOptions
}

/** Reads a checked target. */
export function accessOf(target: RedisTarget): ServerAccess | ClusterAccess {
  if (typeof target === 'string') {
    const { options, cluster } = readUrl(target)
    return cluster === undefined ? serverAccess(options) : clusterAccess({ cluster, redisOptions: options })
  }
  if (isClusterClient(target)) return clusterClientAccess(target)
  if (isClient(target)) {
    return {
      kind: 'server',
      keyPrefix: target.options.keyPrefix ?? '',
      // Its connect timeout and its name are for what the application does.
      current: () => ({ ...target.options, connectTimeout: undefined, connectionName: undefined }),
      create: (options) => target.duplicate(options),
    }
  }
  return 'cluster' in target ? clusterAccess(target) : serverAccess(target)
}

/**
 * Reads a checked target that is no Cluster.
 * @throws ConfigurationError for a Cluster
 */
export function serverAccessOf(target: RedisTarget): ServerAccess {
  const access = accessOf(target)
  if (access.kind === 'server') return access
  throw new ConfigurationError(
    'A Redis Cluster is not supported yet: give `redis` a single server or a Sentinel.',
  )
}

function serverAccess(options: RedisServerOptions): ServerAccess {
  return {
    kind: 'server',
    keyPrefix: options.keyPrefix ?? '',
    current: () => options,
    create: newClient,
  }
}

/** How to connect to a node of a Cluster. */
export function nodeAccess({ current }: ClusterAccess, { host, port }: Address): ServerAccess {
  return {
    kind: 'server',
    keyPrefix: '',
    // With its check ioredis waits for seconds where a node loads its data, which its error replies say at once.
    current: () => ({ ...current(), host, port, enableReadyCheck: false }),
    create: newClient,
  }
}

function clusterAccess({ cluster, redisOptions = {}, natMap }: RedisClusterOptions): ClusterAccess {
  const nodes = cluster.map(readNode)
  return {
    kind: 'cluster',
    keyPrefix: redisOptions.keyPrefix ?? '',
    startupNodes: () => nodes,
    natMap,
    current: () => redisOptions,
  }
}

function clusterClientAccess(client: Cluster): ClusterAccess {
  const given = (client as unknown as { readonly startupNodes: readonly unknown[] }).startupNodes
  const startup = given.map(startupOptions)
  return {
    kind: 'cluster',
    keyPrefix: client.options.keyPrefix ?? '',
    natMap: client.options.natMap,
    startupNodes() {
      const known = client.nodes().map(({ options }) => options)
      // With SRV records the first are names of services.
      const all = client.options.useSRVRecords ? known : [...startup, ...known]
      return all.map(({ host = '127.0.0.1', port = 6379 }) => ({ host, port: Number(port) }))
    },
    current() {
      const { host, port, db, ...own } = startup[0] ?? {}
      return { ...own, ...client.options.redisOptions }
    },
  }
}

/** A startup node as ioredis takes it: a port, a URL, or options. */
function startupOptions(node: unknown): RedisOptions {
  if (typeof node === 'number') return { port: node }
  if (typeof node !== 'string') return node as RedisOptions
  return readUrl(node.includes('://') ? node : `redis://${node}`).options
}

function newClient(options: RedisOptions): Redis {
  return new (loadIoredis().Redis)(options)
}
