import type { Redis, RedisOptions } from 'ioredis'
import { ConfigurationError } from '../../errors.js'
import { type KnownOptions, OptionsReader } from '../../options-reader.js'

/** Value of the option `redis`: a URL, ioredis options, or a client whose options are copied. */
export type RedisTarget = string | RedisOptions | Redis

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

const WANTED =
  "write a URL like 'redis://127.0.0.1:6379/0', ioredis options like { host: '127.0.0.1', port: 6379 }, or an ioredis client"

/**
 * Returns the target if it names a server and ioredis will read it as intended; `from` is the option that it came from.
 * @throws ConfigurationError that shows no part of a URL
 */
export function checkTarget(target: RedisTarget, from = 'redis'): RedisTarget {
  if (typeof target === 'string') return checkUrl(target, from)
  const found = misuse(target)
  if (found !== undefined) throw new ConfigurationError(`${from} must not be ${found}: ${WANTED}.`)
  return isClient(target) || isCluster(target) ? target : checkOptions(target as RedisOptions, from)
}

/** @throws ConfigurationError */
function checkUrl(url: string, from: string): string {
  const refuse = (why: string) => {
    throw new ConfigurationError(
      `${from} ${why}: write it like 'redis://user:password@host:6379/0'. In user and password each of @ : / ? # [ ] % and space is percent-encoded, as encodeURIComponent(password) does.`,
    )
  }
  if (/^redis\+(cluster|sentinel):/.test(url)) {
    throw new ConfigurationError(
      'A Redis URL of a cluster or of sentinels is not supported yet: for sentinels give ioredis options, redis: { sentinels, name }.',
    )
  }
  if (url === '') refuse('is an empty string')
  // For ioredis this is the path of a Unix socket, up to a question mark.
  if (/^\/[^/]/.test(url)) return url
  if (url.startsWith('unix:'))
    refuse("is a URL of a Unix socket, which is given as its path, '/run/redis.sock'")
  if (!/^rediss?:\/\//.test(url)) refuse('is not a URL that begins with redis:// or rediss://')
  if (/[\s\p{C}]/u.test(url)) refuse('is a URL with a space or an invisible character')
  const [, authority = '', rest = ''] = /^rediss?:\/\/([^/?#]*)(.*)$/s.exec(url) ?? []
  if (rest.includes('#')) refuse('is a URL with a # in it')
  if (rest.includes('@')) refuse('is a URL with a / or ? before its @')
  const address = authority.slice(authority.lastIndexOf('@') + 1)
  const credentials = authority.slice(0, Math.max(0, authority.lastIndexOf('@')))
  if (!isDecodable(credentials)) refuse('is a URL with a % that encodes no character')
  if (/^(?::|$)/.test(address)) refuse('is a URL without a host')
  const port = /:(\d+)$/.exec(address)?.[1]
  if (!URL.canParse(url) || (port !== undefined && !isPort(Number(port)))) {
    refuse('is a URL with an invalid host or port')
  }
  const [path = ''] = rest.split('?', 1)
  if (!/^(?:\/\d{0,9})?$/.test(path)) refuse('is a URL whose path is not a database number')
  return url
}

/** @throws ConfigurationError */
function checkOptions(given: RedisOptions, from: string): RedisOptions {
  if ('url' in given) {
    throw new ConfigurationError(
      `${from} takes a URL itself, not { url }: write redis: 'redis://127.0.0.1:6379/0'.`,
    )
  }
  if ('socket' in given) {
    throw new ConfigurationError(
      `${from} takes ioredis options, not those of node-redis: write host and port without "socket" around them.`,
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
  if (host != null && !(typeof host === 'string' && /^[^\s/@?#]+$/.test(host))) {
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
  return options
}

/** Names what is given instead of a target, without its content; `undefined` for a target. */
function misuse(target: unknown): string | undefined {
  if (target === null) return 'null'
  if (typeof target === 'function') return 'a function or a class'
  if (typeof target !== 'object') return `a ${typeof target}`
  if (Array.isArray(target)) return 'an array'
  if (isClient(target) || isCluster(target)) return undefined
  const has = (name: string) => typeof (target as Record<string, unknown>)[name] === 'function'
  if (has('then')) return 'a promise: await it first'
  if ('isOpen' in target && has('sendCommand')) return 'a client of node-redis'
  if (target instanceof URL) return 'a URL object: write url.href'
  if (['get', 'set', 'connect', 'duplicate', 'call'].some(has)) {
    return 'a client of another package, or one that only resembles ioredis (in tests leave redis out: store "memory" needs no server)'
  }
  return undefined
}

/** Whether this is a client of any copy of ioredis, whose options can be copied. */
function isClient(target: object): boolean {
  const { duplicate, callBuffer, pipeline, status, options } = target as Record<string, unknown>
  return (
    [duplicate, callBuffer, pipeline].every((method) => typeof method === 'function') &&
    typeof status === 'string' &&
    typeof options === 'object'
  )
}

/** A cluster is refused later, by `Connection`. */
function isCluster(target: object): boolean {
  return (target as { isCluster?: unknown }).isCluster === true
}

/** A whole number, also as digits, as environment variables have it. */
function wholeNumber(value: unknown): number {
  const isDigits = typeof value === 'string' && /^\d{1,9}$/.test(value)
  const number = isDigits ? Number(value) : value
  return Number.isSafeInteger(number) ? (number as number) : Number.NaN
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
