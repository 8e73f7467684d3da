import type { RedisOptions } from 'ioredis'
import type { RedisServerOptions } from './target.js'

/** Options that exist in ioredis 6 only. */
type OfIoredis6 = Partial<Record<'protocol' | 'replyMapping' | 'himportFieldsets', unknown>>

/**
 * What every connection of the cache requires, whatever a URL, options or a client have. Most of these are right for
 * other uses of the same options, so they are replaced, and not refused.
 */
const REQUIRED: { readonly [Name in keyof (RedisOptions & OfIoredis6)]?: unknown } = {
  lazyConnect: true,
  // Names are built with the prefix, in scripts too.
  keyPrefix: '',
  // Numbers as numbers and maps as lists. In RESP3 ioredis 6 drops the server's messages about changes.
  stringNumbers: false,
  protocol: 2,
  replyMapping: 'legacy',
  himportFieldsets: undefined,
  // Nothing queues, resends or retries: a command must not take effect after its caller got an error.
  enableOfflineQueue: false,
  offlineQueue: undefined,
  commandQueue: undefined,
  enableAutoPipelining: false,
  autoPipeliningIgnoredCommands: [],
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  // `Connection` does this: ioredis would end the socket once for each error.
  reconnectOnError: () => false,
  // `Connection` has deadlines, and follows a command until it is answered.
  commandTimeout: undefined,
  socketTimeout: undefined,
  blockingTimeout: undefined,
  // How long a socket that is ended waits for its server, which keeps the process alive.
  disconnectTimeout: 100,
  // A cache writes.
  readOnly: false,
  role: 'master',
  preferredSlaves: undefined,
  monitor: false,
  scripts: undefined,
  showFriendlyErrorStack: false,
}

/** The options of a connection of the cache, without a password that is a function. */
export function effectiveOptions(
  { password, ...given }: RedisServerOptions,
  own: RedisOptions = {},
): RedisOptions {
  return {
    ...given,
    ...(typeof password === 'function' ? {} : { password }),
    ...own,
    ...REQUIRED,
  } as RedisOptions
}
