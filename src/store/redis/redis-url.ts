import type { RedisOptions } from 'ioredis'

/** A host and a port. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** A URL of the option `redis`, as options of ioredis. */
export interface ParsedUrl {
  readonly options: RedisOptions
  /** The nodes of a Cluster to ask first. */
  readonly cluster?: readonly Address[]
}

/** Throws an error with this reason, which has no part of the URL: it may have a password in any of its parts. */
export type Refuse = (why: string) => never

const PORTS = { server: 6379, cluster: 6379, sentinel: 26_379 }

/**
 * Options of ioredis that the query of a URL may have, and how their values are read. ioredis reads all of them as
 * texts, for which 'false' is true. An ignored one is another for every connection of the cache.
 */
const QUERY: Readonly<Record<string, 'text' | 'number' | 'switch' | 'ignored'>> = Object.assign(
  Object.create(null),
  {
    username: 'text',
    password: 'text',
    sentinelUsername: 'text',
    sentinelPassword: 'text',
    keyPrefix: 'text',
    connectionName: 'text',
    clientInfoTag: 'text',
    role: 'text',
    db: 'number',
    family: 'number',
    connectTimeout: 'number',
    keepAlive: 'number',
    maxLoadingRetryTime: 'number',
    sentinelCommandTimeout: 'number',
    sentinelMaxConnections: 'number',
    disableClientInfo: 'switch',
    enableReadyCheck: 'switch',
    enableTLSForSentinelMode: 'switch',
    failoverDetector: 'switch',
    monitor: 'switch',
    noDelay: 'switch',
    readOnly: 'switch',
    updateSentinels: 'switch',
    autoResendUnfulfilledCommands: 'ignored',
    autoResubscribe: 'ignored',
    blockingTimeout: 'ignored',
    blockingTimeoutGrace: 'ignored',
    commandTimeout: 'ignored',
    disconnectTimeout: 'ignored',
    enableAutoPipelining: 'ignored',
    enableOfflineQueue: 'ignored',
    lazyConnect: 'ignored',
    maxRetriesPerRequest: 'ignored',
    protocol: 'ignored',
    replyMapping: 'ignored',
    showFriendlyErrorStack: 'ignored',
    socketTimeout: 'ignored',
    stringNumbers: 'ignored',
  },
)

/** Reads a URL, or the path of a Unix socket. */
export function parseUrl(url: string, refuse: Refuse): ParsedUrl {
  if (url === '') refuse('is an empty string')
  if (/^\/[^/]/.test(url)) return { options: socketOptions(url, refuse) }
  if (url.startsWith('unix:'))
    refuse("is a URL of a Unix socket, which is given as its path, '/run/redis.sock'")
  const [, tls, kind = 'server'] = /^redis(s?)(?:\+(cluster|sentinel))?:\/\//.exec(url) ?? []
  if (tls === undefined) {
    refuse('is not a URL that begins with redis:// or rediss://')
  }
  if (/[\s\p{C}]/u.test(url)) refuse('is a URL with a space or an invisible character')
  const [, authority = '', rest = ''] = /^[^/]*\/\/([^/?#]*)(.*)$/s.exec(url) ?? []
  if (rest.includes('#')) refuse('is a URL with a # in it')
  if (rest.includes('@')) refuse('is a URL with a / or ? before its @')
  const at = authority.lastIndexOf('@')
  const credentials = at < 0 ? {} : credentialsOf(authority.slice(0, at), refuse)
  const addresses = addressesOf(authority.slice(at + 1), kind as keyof typeof PORTS, refuse)
  const [path = '', query] = rest.split(/\?(.*)/s)
  const options = {
    ...queryOptions(query, refuse),
    ...credentials,
    ...(tls === 's' ? { tls: {} } : {}),
  }
  if (kind === 'cluster') {
    if (!/^(?:\/0?)?$/.test(path) || (options.db ?? 0) !== 0) {
      refuse('is a URL of a Cluster with a database number, and a Cluster has database 0 only')
    }
    return { options, cluster: addresses }
  }
  if (kind === 'sentinel') {
    const [, name] = /^\/([^/]+)$/.exec(path) ?? []
    if (name === undefined) {
      refuse(
        "is a URL of sentinels without the name of their master: 'redis+sentinel://a:26379,b:26379/mymaster'",
      )
    }
    const forTls = tls === 's' ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}
    return { options: { ...forTls, ...options, sentinels: addresses, name: decoded(name as string, refuse) } }
  }
  if (!/^(?:\/\d{0,9})?$/.test(path)) refuse('is a URL whose path is not a database number')
  const db = path.length > 1 ? { db: Number(path.slice(1)) } : {}
  return { options: { ...options, ...(addresses[0] as Address), ...db } }
}

function socketOptions(url: string, refuse: Refuse): RedisOptions {
  const [path = '', query] = url.split(/\?(.*)/s)
  return { ...queryOptions(query, refuse), path }
}

function credentialsOf(text: string, refuse: Refuse): RedisOptions {
  const [username = '', password = ''] = text.split(/:(.*)/s)
  return { username: decoded(username, refuse), password: decoded(password, refuse) }
}

function decoded(text: string, refuse: Refuse): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return refuse('is a URL with a % that encodes no character')
  }
}

function addressesOf(text: string, kind: keyof typeof PORTS, refuse: Refuse): Address[] {
  const parts = text.split(',')
  if (kind === 'server' && parts.length > 1) {
    refuse(
      'is a URL with several hosts, which those of a Cluster or of sentinels have: redis+cluster://a:6379,b:6379',
    )
  }
  return parts.map((part) => {
    if (/^(?::|$)/.test(part)) refuse('is a URL without a host')
    const port = /:(\d+)$/.exec(part)?.[1]
    if (!URL.canParse(`redis://${part}`) || (port !== undefined && !isPort(Number(port)))) {
      refuse('is a URL with an invalid host or port')
    }
    const host = new URL(`redis://${part}`).hostname.replace(/^\[|\]$/g, '')
    return { host, port: port === undefined ? PORTS[kind] : Number(port) }
  })
}

function queryOptions(query: string | undefined, refuse: Refuse): RedisOptions {
  const options: Record<string, unknown> = {}
  let position = 0
  for (const [name, value] of new URLSearchParams(query ?? '')) {
    position++
    const kind = QUERY[name]
    const which = `option ${position} of its query`
    if (name === 'tls') refuse('is a URL with tls in its query: it begins with rediss:// instead')
    if (kind === undefined) refuse(`is a URL in which ${which} is unknown, or cannot be given in a URL`)
    if (kind === 'number' && !/^\d{1,9}$/.test(value))
      refuse(`is a URL in which ${which} is not a whole number`)
    if (kind === 'switch' && !/^(?:true|false)$/.test(value))
      refuse(`is a URL in which ${which} is not true or false`)
    if (kind === 'number') options[name] = Number(value)
    else if (kind === 'switch') options[name] = value === 'true'
    else if (kind === 'text') options[name] = value
  }
  return options as RedisOptions
}

export function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535
}
