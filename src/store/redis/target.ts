import type { Cluster, NatMap, Redis, RedisOptions } from 'ioredis'
import { ConfigurationError } from '../../errors.js'
import { type KnownOptions, OptionsReader } from '../../options-reader.js'
import { type Address, isPort, type ParsedUrl, parseUrl } from './redis-url.js'

/** Options of ioredis, except that the password may be a function, which is called for each connection. */
export type RedisServerOptions = Omit<RedisOptions, 'password'> & {
  /**
   * The password, or a function that returns the one for the next connection: a token that expires.
   * @example () => signer.getAuthToken()
   */
  readonly password?: string | null | undefined | (() => string | Promise<string>)
}

/** A Redis Cluster. */
export interface RedisClusterOptions {
  /**
   * Some of its nodes, which are asked for the others: URLs, or hosts and ports.
   * @example ['redis://a:6379', { host: 'b', port: 6379 }]
   */
  readonly cluster: readonly (
    | string
    | { readonly host: string; readonly port?: number | string | undefined }
  )[]
  /** Options of ioredis for the connection to each node: user, password, TLS. */
  readonly redisOptions?:
    | Omit<RedisServerOptions, 'host' | 'port' | 'path' | 'sentinels' | 'name'>
    | undefined
  /** The addresses at which this process reaches nodes, by the addresses that the nodes report. */
  readonly natMap?: NatMap | undefined
}

/** Value of the option `redis`: a URL, ioredis options, or a client whose options are copied. */
export type RedisTarget = string | RedisServerOptions | RedisClusterOptions | Redis | Cluster

// No message contains any part of the target: it may have a password, even where it is not a URL.

/** `protocol` and the two after it exist in ioredis 6 only; `url` and `socket` have an error of their own. */
type Known = RedisOptions & Record<'protocol' | 'replyMapping' | 'himportFieldsets', unknown>

const KNOWN: KnownOptions<Known> = {
  autoPipeliningIgnoredCommands: true,
  autoResendUnfulfilledCommands: true,
  autoResubscribe: true,
  blockingTimeout: true,
  blockingTimeoutGrace: true,
  clientInfoTag: true,
  commandQueue: true,
  commandTimeout: true,
  connectionName: true,
  Connector: true,
  connectTimeout: true,
  db: true,
  disableClientInfo: true,
  disconnectTimeout: true,
  enableAutoPipelining: true,
  enableOfflineQueue: true,
  enableReadyCheck: true,
  enableTLSForSentinelMode: true,
  failoverDetector: true,
  family: true,
  himportFieldsets: true,
  host: true,
  keepAlive: true,
  keyPrefix: true,
  lazyConnect: true,
  maxLoadingRetryTime: true,
  maxRetriesPerRequest: true,
  monitor: true,
  name: true,
  natMap: true,
  noDelay: true,
  offlineQueue: true,
  password: true,
  path: true,
  port: true,
  preferredSlaves: true,
  protocol: true,
  readOnly: true,
  reconnectOnError: true,
  replyMapping: true,
  retryStrategy: true,
  role: true,
  scripts: true,
  sentinelCommandTimeout: true,
  sentinelMaxConnections: true,
  sentinelPassword: true,
  sentinelReconnectStrategy: true,
  sentinelRetryStrategy: true,
  sentinels: true,
  sentinelTLS: true,
  sentinelUsername: true,
  showFriendlyErrorStack: true,
  socketTimeout: true,
  stringNumbers: true,
  tls: true,
  updateSentinels: true,
  username: true,
}

const OPTIONS = new OptionsReader<Known>('option', KNOWN, 'redis')

const CLUSTER_OPTIONS = new OptionsReader<RedisClusterOptions>(
  'option',
  { cluster: true, redisOptions: true, natMap: true },
  'redis',
)

const WANTED =
  "write a URL like 'redis://127.0.0.1:6379/0', ioredis options like { host: '127.0.0.1', port: 6379 }, or an ioredis client"

/**
 * Returns the target if it names a server and the cache will read it as intended; `from` is the option that it came from.
 * @throws ConfigurationError that shows no part of a URL
 */
export function checkTarget(target: RedisTarget, from = 'redis'): RedisTarget {
  if (typeof target === 'string') {
    const { options } = readUrl(target, from)
    checkContradictions(options, from)
    return target
  }
  const found = misuse(target)
  if (found !== undefined) throw new ConfigurationError(`${from} must not be ${found}: ${WANTED}.`)
  if (isClient(target)) return target
  if (isClusterClient(target)) {
    checkDatabase(target.options.redisOptions as RedisOptions | undefined, from)
    return target
  }
  return 'cluster' in target
    ? checkClusterOptions(target, from)
    : checkOptions(target as RedisServerOptions, from)
}

/**
 * Reads a URL.
 * @throws ConfigurationError that shows no part of it
 */
export function readUrl(url: string, from = 'redis'): ParsedUrl {
  return parseUrl(url, (why) => {
    throw new ConfigurationError(
      `${from} ${why}: write it like 'redis://user:password@host:6379/0'. In user and password each of @ : / ? # [ ] % and space is percent-encoded, as encodeURIComponent(password) does.`,
    )
  })
}

/** Reads a node of the option `cluster`. */
export function readNode(node: RedisClusterOptions['cluster'][number]): Address {
  if (typeof node === 'string') {
    const { host, port } = readUrl(node).options as Address
    return { host, port }
  }
  return { host: node.host, port: wholeNumber(node.port ?? 6379) }
}

/** @throws ConfigurationError */
function checkOptions(given: RedisServerOptions, from: string): RedisServerOptions {
  if ('url' in given) {
    throw new ConfigurationError(
      `${from} takes a URL itself, not { url }: write redis: 'redis://127.0.0.1:6379/0'.`,
    )
  }
  if ('socket' in given || 'rootNodes' in given) {
    throw new ConfigurationError(
      `${from} takes ioredis options, not those of node-redis: write host and port without "socket" around them, and for a Cluster { cluster: [{ host, port }] }.`,
    )
  }
  // The options of a client may be spread, in which ioredis has null for missing ones.
  const options = OPTIONS.take(given as Known)
  const { host, port, path, db, sentinels, name } = options
  const refuse = (why: string) => {
    throw new ConfigurationError(`${from} has ${why}.`)
  }
  if (host == null && path == null && sentinels == null) {
    refuse("none of host, path and sentinels: write host: '127.0.0.1' for a server on this machine")
  }
  if (host != null && !isHost(host)) {
    refuse("an invalid host: write a name like 'redis.example.com'; a URL is given alone, redis: 'redis://…'")
  }
  if (path != null && !(typeof path === 'string' && path !== '')) refuse('a path that is not a string')
  if (port != null && !isPort(wholeNumber(port))) refuse('an invalid port: write a number from 1 to 65535')
  if (db != null && !(wholeNumber(db) >= 0)) refuse('an invalid db: write a number from 0')
  if (sentinels != null && !(Array.isArray(sentinels) && sentinels.length > 0 && typeof name === 'string')) {
    refuse(
      "invalid sentinels: give at least one, and the name of their master: { sentinels: [{ host, port }], name: 'mymaster' }",
    )
  }
  checkContradictions(options, from)
  return options as RedisServerOptions
}

/** @throws ConfigurationError */
function checkClusterOptions(given: RedisClusterOptions, from: string): RedisClusterOptions {
  const { cluster, redisOptions, natMap } = CLUSTER_OPTIONS.take(given)
  const refuse = (why: string) => {
    throw new ConfigurationError(`${from} has ${why}.`)
  }
  const form = "write { cluster: ['redis://a:6379', { host: 'b', port: 6379 }] }"
  if (!Array.isArray(cluster) || cluster.length === 0) refuse(`no nodes in cluster: ${form}`)
  for (const node of cluster) {
    if (typeof node === 'string') {
      const { options, cluster: several } = readUrl(node, `A node of ${from}`)
      const { host, port, ...others } = options
      if (several !== undefined || Object.keys(others).length > 0 || typeof host !== 'string') {
        refuse(
          `a node of cluster that is more than a host and a port: user, password and TLS of all nodes are given once, { cluster, redisOptions: { username, password, tls: {} } }`,
        )
      }
      continue
    }
    const names = typeof node === 'object' && node !== null ? Object.keys(node) : []
    if (!names.includes('host')) refuse(`a node of cluster without a host: ${form}`)
    if (names.some((name) => name !== 'host' && name !== 'port')) {
      refuse(
        'a node of cluster with more than host and port: what is the same for all nodes is given once, { cluster, redisOptions: { username, password, tls: {} } }',
      )
    }
    if (!isHost(node.host)) refuse(`an invalid host in cluster: ${form}`)
    if (node.port != null && !isPort(wholeNumber(node.port))) {
      refuse('an invalid port in cluster: write a number from 1 to 65535')
    }
  }
  const kindOfNatMap = typeof natMap
  if (
    natMap !== undefined &&
    (natMap === null || (kindOfNatMap !== 'object' && kindOfNatMap !== 'function'))
  ) {
    refuse("an invalid natMap: write { '10.0.0.1:6379': { host: 'a', port: 6379 } }")
  }
  const shared = redisOptions === undefined ? ({} as Known) : OPTIONS.take(redisOptions as Known)
  for (const name of ['host', 'port', 'path', 'sentinels', 'name', 'Connector'] as const) {
    if (shared[name] != null) refuse(`${name} in redisOptions, which are for all nodes`)
  }
  checkDatabase(shared, from)
  checkContradictions(shared, from)
  return {
    cluster: [...cluster],
    ...(redisOptions === undefined ? {} : { redisOptions: shared as RedisServerOptions }),
    ...(natMap === undefined ? {} : { natMap }),
  }
}

/**
 * Refuses what every connection of the cache must have otherwise, where it can only be a mistake.
 * @throws ConfigurationError
 */
function checkContradictions({ role, readOnly, monitor, password }: RedisOptions, from: string): void {
  const refuse = (why: string) => {
    throw new ConfigurationError(`${from} has ${why}.`)
  }
  if (role != null && role !== 'master')
    refuse('a role other than "master": a cache writes, and replicas take no writes')
  if (readOnly) refuse('readOnly: a cache writes, and replicas take no writes')
  if (monitor) refuse('monitor: a connection that monitors takes no commands')
  if (password != null && typeof password !== 'string' && typeof password !== 'function') {
    refuse('a password that is neither a string nor a function that returns one')
  }
}

/** @throws ConfigurationError */
function checkDatabase(options: RedisOptions | undefined, from: string): void {
  if (options?.db != null && wholeNumber(options.db) !== 0) {
    throw new ConfigurationError(
      `${from} has a db other than 0, and a Cluster has database 0 only: leave db out.`,
    )
  }
}

/** Names what is given instead of a target, without its content; `undefined` for a target. */
function misuse(target: unknown): string | undefined {
  if (target === null) return 'null'
  if (typeof target === 'function') {
    return 'a function or a class (for a password that changes give { host, password: () => token })'
  }
  if (typeof target !== 'object') return `a ${typeof target}`
  if (Array.isArray(target)) return 'an array'
  if (isClient(target) || isClusterClient(target)) return undefined
  const has = (name: string) => typeof (target as Record<string, unknown>)[name] === 'function'
  if (has('then')) return 'a promise: await it first'
  if ('isOpen' in target && has('sendCommand'))
    return 'a client of node-redis, whose connections the cache cannot copy'
  if (target instanceof URL) return 'a URL object: write url.href'
  if ('isCluster' in target || ['get', 'set', 'connect', 'duplicate', 'call'].some(has)) {
    return 'a client of another package, or one that only resembles ioredis (in tests leave redis out: store "memory" needs no server)'
  }
  return undefined
}

/** Whether this is a client of any copy of ioredis, whose options can be copied. */
export function isClient(target: object): target is Redis {
  const { duplicate, callBuffer, pipeline, status, options } = target as Record<string, unknown>
  return (
    [duplicate, callBuffer, pipeline].every((method) => typeof method === 'function') &&
    typeof status === 'string' &&
    typeof options === 'object' &&
    (target as { readonly isCluster?: unknown }).isCluster !== true
  )
}

/** Whether this is a client of any copy of ioredis for a Cluster, whose nodes and options can be copied. */
export function isClusterClient(target: object): target is Cluster {
  const { isCluster, startupNodes, nodes, options } = target as Record<string, unknown>
  return (
    isCluster === true &&
    Array.isArray(startupNodes) &&
    typeof nodes === 'function' &&
    typeof options === 'object'
  )
}

function isHost(host: unknown): boolean {
  return typeof host === 'string' && /^[^\s/@?#]+$/.test(host)
}

/** A whole number, also as digits, as environment variables have it. */
function wholeNumber(value: unknown): number {
  const isDigits = typeof value === 'string' && /^\d{1,9}$/.test(value)
  const number = isDigits ? Number(value) : value
  return Number.isSafeInteger(number) ? (number as number) : Number.NaN
}
