import dns from 'node:dns'
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { eventually } from '../helpers/alive-time.js'
import type { Proxy as FaultyProxy } from '../helpers/proxy.js'
import { type Need, NOT_RESPONDING, type Operation, type Outcome } from './operations.js'
import { allowEverything, type FaultTarget, USER, urlOf } from './target.js'

/** Something that goes wrong with Redis, or on the way to it. */
export interface Fault {
  readonly name: string
  /** Cause and effect in a phrase, for readers. */
  readonly meaning: string
  /** Part of the message with which `check()` rejects; `undefined` where it resolves, or may resolve. */
  readonly message?: string
  /**
   * What the store does not provide meanwhile. Operations that need none of it are served. With `something` each operation
   * may be served or fail.
   */
  readonly withholds: readonly Need[] | 'something'
  /** Outcomes, by operation, that are neither. */
  readonly outcomes?: Readonly<Record<string, Outcome>>
  /** Deadline of the caches: short where nothing is answered, or else long enough for a machine that is busy. */
  readonly storeTimeoutMs: number
  /** The option `redis` of the caches. */
  readonly redis?: (target: FaultTarget) => string
  /** Whether the proxies must read commands for it. */
  readonly readsCommands?: true
  /** Number of reads, and of writes, that each cache has under way when its operation is called. @default 0 */
  readonly load?: number
  /** Time after the end until the cache serves again, if it is not {@link BACK_WITHIN_MS}. */
  readonly backWithinMs?: number
  begin(target: FaultTarget): Promise<unknown>
  end(target: FaultTarget): Promise<unknown>
}

/** Time after a fault until the cache serves again. */
export const BACK_WITHIN_MS = 2_000

/** Outcomes of an operation that are right during a fault, of a cache with or without `throwOnStoreError`. */
export function expectedOutcomes(
  operation: Operation,
  { withholds, outcomes = {} }: Fault,
  throwing: boolean,
): readonly Outcome[] {
  const { name, needs, served, isPage = false } = operation
  const thrown = (withholds.includes('read' as never) ? undefined : operation.readOnly) ?? NOT_RESPONDING
  const failed = throwing && !isPage ? thrown : operation.failed
  const other = outcomes[name]
  if (operation.varies) return [served, failed]
  if (withholds === 'something') return [served, failed, ...(other ? [other] : [])]
  if (other) return [other]
  return needs.some((need) => withholds.includes(need)) ? [failed] : [served]
}

const EVERYTHING: readonly Need[] = [
  ...(['read', 'fill', 'write', 'invalidate', 'peek', 'list', 'usage', 'check'] as const),
  ...(['report', 'history', 'secret'] as const),
]
/** A server answers `INFO` also while it answers nothing else. */
const ALL_BUT_USAGE = EVERYTHING.filter((need) => need !== 'usage')
/** What needs a command that changes something. */
const CHANGES: readonly Need[] = ['fill', 'write', 'invalidate', 'check', 'report', 'secret']

const SHORT_MS = 250
const LONG_MS = 1_000

const UNANSWERED = { withholds: EVERYTHING, storeTimeoutMs: SHORT_MS, message: 'no answer in time' }
const REFUSED = { withholds: EVERYTHING, storeTimeoutMs: LONG_MS }
const SERVED = { withholds: [], storeTimeoutMs: LONG_MS }

const onProxies =
  (run: (proxy: FaultyProxy) => unknown) =>
  ({ proxies }: FaultTarget) =>
    Promise.all(proxies.map(run))

const onServers =
  (run: (admin: Redis) => unknown) =>
  ({ admins }: FaultTarget) =>
    Promise.all(admins.map(run))

const restored = onProxies((proxy) => proxy.restore())

export const NETWORK_FAULTS: readonly Fault[] = [
  {
    ...REFUSED,
    name: 'refused',
    meaning: 'nothing listens at the address',
    message: 'ECONNREFUSED',
    begin: onProxies((proxy) => proxy.refuse()),
    end: restored,
  },
  {
    ...REFUSED,
    name: 'name not resolved',
    meaning: 'the host name is unknown to DNS',
    message: 'ENOTFOUND',
    redis: ({ proxies: [proxy] }) => urlOf(UNRESOLVED, (proxy as FaultyProxy).port),
    async begin({ proxies }) {
      forgetName()
      for (const proxy of proxies) proxy.cut()
    },
    end: async () => resolveName(),
  },
  {
    ...UNANSWERED,
    name: 'frozen',
    meaning: 'the server is stopped, its connections stay open',
    begin: async ({ servers }) => servers.forEach((server) => void server.freeze()),
    end: async ({ servers }) => servers.forEach((server) => void server.thaw()),
  },
  {
    ...UNANSWERED,
    name: 'silent',
    meaning: 'connections are accepted, and nothing passes',
    begin: onProxies((proxy) => proxy.hold()),
    end: restored,
  },
  {
    ...UNANSWERED,
    name: 'silent under load',
    meaning: 'nothing passes, and each cache has two hundred operations under way',
    load: 100,
    begin: onProxies((proxy) => proxy.hold()),
    end: restored,
  },
  {
    ...UNANSWERED,
    name: 'dropped',
    meaning: 'old connections have become silent without an end, new ones work',
    begin: onProxies((proxy) => proxy.silence()),
    end: restored,
    // A connection is given up after five seconds of silence.
    backWithinMs: 7_000,
  },
  {
    ...UNANSWERED,
    name: 'two seconds late',
    meaning: 'every answer comes after its deadline',
    begin: onProxies((proxy) => proxy.delayAnswers(2_000)),
    end: restored,
  },
  {
    ...SERVED,
    name: 'slow',
    meaning: 'every answer is late, and arrives within its deadline',
    begin: onProxies((proxy) => proxy.delayAnswers(50)),
    end: restored,
  },
  {
    ...SERVED,
    name: 'trickling',
    meaning: 'answers arrive a few bytes at a time',
    begin: onProxies((proxy) => proxy.slow({ bytes: 100, everyMs: 1 })),
    end: restored,
  },
  {
    ...REFUSED,
    name: 'cut in mid-reply',
    meaning: 'each connection is lost in the middle of its first reply',
    begin: onProxies((proxy) => proxy.cutReplies()),
    end: restored,
  },
  {
    ...REFUSED,
    name: 'garbage',
    meaning: 'replies are bytes that are no reply',
    begin: onProxies((proxy) => proxy.garble()),
    end: restored,
  },
]

/** The name of a host that resolves while no test says otherwise. */
const UNRESOLVED = 'redis.invalid'
const { lookup } = dns

/** Makes {@link UNRESOLVED} the name of this machine. */
export function resolveName(): void {
  replaceLookup((answer) => answer(null, [{ address: '127.0.0.1', family: 4 }]))
}

function forgetName(): void {
  const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${UNRESOLVED}`), { code: 'ENOTFOUND' })
  replaceLookup((answer) => answer(error, []))
}

type Answer = (error: Error | null, addresses: dns.LookupAddress[]) => void

function replaceLookup(resolve: (answer: Answer) => void): void {
  const replaced = (host: string, options: dns.LookupOptions, callback: (...results: unknown[]) => void) => {
    if (host !== UNRESOLVED) return lookup(host, options, callback as never)
    const answer: Answer = (error, addresses) => {
      const [{ address, family } = {}] = addresses
      if (options.all) callback(error, addresses)
      else callback(error, address, family)
    }
    setImmediate(resolve, answer)
  }
  Object.assign(dns, { lookup: replaced })
}

const LOOP = 'while true do end'

export const SERVER_FAULTS: readonly Fault[] = [
  {
    ...REFUSED,
    name: 'LOADING',
    meaning: 'the server reads its data after a start',
    message: 'LOADING',
    withholds: ALL_BUT_USAGE,
    async begin({ admins }) {
      await Promise.all(admins.map(startLoading))
    },
    async end({ admins }) {
      await Promise.all(admins.map((admin) => admin.config('SET', 'key-load-delay', '0')))
    },
  },
  {
    ...REFUSED,
    name: 'BUSY',
    meaning: 'a script of another client does not end',
    message: 'BUSY',
    begin: onServers(async (admin) => {
      await admin.config('SET', 'busy-reply-threshold', '1')
      const other = admin.duplicate()
      other.eval(LOOP, 0).catch(() => other.disconnect())
      await untilRefused(admin, /BUSY/)
    }),
    end: onServers((admin) => admin.call('SCRIPT', 'KILL')),
  },
  {
    ...REFUSED,
    name: 'MISCONF',
    meaning: 'the server cannot save its data, and takes no writes',
    message: 'MISCONF',
    withholds: CHANGES,
    begin: onServers(async (admin) => {
      await admin.config('SET', 'save', '3600 1000000')
      mkdirSync(await dumpOf(admin))
      await admin.bgsave()
      await untilRefused(admin, /MISCONF/)
    }),
    end: onServers(async (admin) => {
      rmdirSync(await dumpOf(admin))
      await admin.config('SET', 'save', '')
    }),
  },
  {
    ...REFUSED,
    name: 'READONLY',
    meaning: 'the server has become a replica',
    message: 'READONLY',
    withholds: CHANGES,
    begin: onServers((admin) => admin.replicaof('127.0.0.1', 1)),
    end: onServers((admin) => admin.replicaof('NO', 'ONE')),
  },
  {
    ...REFUSED,
    name: 'MASTERDOWN',
    meaning: 'a replica that has lost its master, with replica-serve-stale-data no',
    message: 'MASTERDOWN',
    withholds: ALL_BUT_USAGE,
    begin: onServers(async (admin) => {
      await admin.config('SET', 'replica-serve-stale-data', 'no')
      await admin.replicaof('127.0.0.1', 1)
    }),
    end: onServers((admin) => admin.replicaof('NO', 'ONE')),
  },
  {
    ...REFUSED,
    name: 'OOM',
    meaning: 'the server is full, with the policy noeviction',
    message: 'OOM',
    withholds: CHANGES.filter((need) => need !== 'invalidate'),
    begin: onServers((admin) => admin.config('SET', 'maxmemory', '1mb')),
    end: onServers((admin) => admin.config('SET', 'maxmemory', '0')),
  },
  {
    ...REFUSED,
    name: 'NOAUTH',
    meaning: 'the server requires a password, and none is given',
    message: 'NOAUTH',
    redis: ({ proxies: [proxy] }) => (proxy as FaultyProxy).url,
    begin: onBoth(
      (admin) => admin.call('ACL', 'SETUSER', 'default', 'resetpass', `>${USER.password}`),
      (proxy) => proxy.cut(),
    ),
    end: onServers((admin) => admin.call('ACL', 'SETUSER', 'default', 'nopass')),
  },
  {
    ...REFUSED,
    name: 'WRONGPASS',
    meaning: 'the password is wrong, or was changed',
    message: 'WRONGPASS',
    begin: onBoth(
      (admin) => admin.call('ACL', 'SETUSER', USER.name, 'resetpass', '>changed'),
      (proxy) => proxy.cut(),
    ),
    end: onServers((admin) => allowEverything(admin)),
  },
  {
    ...REFUSED,
    name: 'NOPERM',
    meaning: 'the user may run no command',
    message: 'NOPERM',
    outcomes: { usage: { value: undefined } },
    begin: onServers((admin) => admin.call('ACL', 'SETUSER', USER.name, '-@all')),
    end: onServers((admin) => allowEverything(admin)),
  },
  {
    ...REFUSED,
    name: 'maxclients',
    meaning: 'the server takes no further connections',
    message: 'max number of clients',
    begin: onBoth(
      (admin) => admin.config('SET', 'maxclients', '1'),
      (proxy) => proxy.cut(),
    ),
    end: onServers((admin) => admin.config('SET', 'maxclients', '10000')),
  },
  {
    ...REFUSED,
    name: 'NOSCRIPT',
    meaning: 'the server forgets its scripts, and the connection is lost after each such answer',
    withholds: CHANGES,
    readsCommands: true,
    begin: onProxies((proxy) =>
      proxy.answer('NOSCRIPT No matching script. Please use EVAL.', { only: ['EVALSHA'], closing: true }),
    ),
    end: restored,
  },
  {
    ...SERVED,
    name: 'scripts lost',
    meaning: 'the server has lost its scripts once, as after a restart',
    begin: onServers((admin) => admin.script('FLUSH')),
    end: async () => {},
  },
  {
    ...SERVED,
    name: 'clock an hour ahead',
    meaning: 'the server’s clock is set forward',
    readsCommands: true,
    begin: onProxies((proxy) => proxy.shiftClock(3_600)),
    end: restored,
  },
  {
    ...SERVED,
    name: 'clock an hour behind',
    meaning: 'the server’s clock is set back',
    readsCommands: true,
    begin: onProxies((proxy) => proxy.shiftClock(-3_600)),
    end: restored,
  },
]

/** The user of the caches may not run one command, as it is named in an ACL: `get`, `script|load`. */
export function withoutRight(command: string): Fault {
  return {
    name: `NOPERM: ${command}`,
    meaning: `the user may not run ${command}`,
    withholds: 'something',
    outcomes: { usage: { value: undefined } },
    storeTimeoutMs: SHORT_MS,
    begin: onBoth(
      (admin) => admin.call('ACL', 'SETUSER', USER.name, `-${command}`),
      (proxy) => proxy.cut(),
    ),
    end: onBoth(
      (admin) => admin.call('ACL', 'SETUSER', USER.name, `+${command}`),
      (proxy) => proxy.cut(),
    ),
  }
}

function onBoth(run: (admin: Redis) => unknown, then: (proxy: FaultyProxy) => unknown) {
  return async (target: FaultTarget) => {
    await onServers(run)(target)
    await onProxies(then)(target)
  }
}

/** Makes the server load its own data again, slowly: each of some keys takes 100 ms. */
async function startLoading(admin: Redis): Promise<void> {
  const settings = {
    rdbcompression: 'no',
    'loading-process-events-interval-bytes': '1024',
    'key-load-delay': '100000',
  }
  for (const [name, value] of Object.entries(settings)) await admin.config('SET', name, value)
  const keys = Array.from({ length: 100 }, (_, index) => [`other:${index}`, 'x'.repeat(5_000)]).flat()
  await admin.mset(...keys)
  const other = admin.duplicate()
  other
    .call('DEBUG', 'RELOAD')
    .catch(() => {})
    .finally(() => other.disconnect())
  await untilRefused(admin, /LOADING/)
}

async function dumpOf(admin: Redis): Promise<string> {
  const [, directory] = (await admin.config('GET', 'dir')) as [string, string]
  return join(directory, 'dump.rdb')
}

/** Resolves once the server answers a write with an error. */
async function untilRefused(admin: Redis, error: RegExp): Promise<void> {
  await eventually(5_000, async () => {
    const answer = await admin.set('other:probe', '1').catch(String)
    if (!error.test(answer)) throw new Error(`The server still answers with ${answer}.`)
  })
}
