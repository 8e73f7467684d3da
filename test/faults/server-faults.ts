import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { eventually } from '../helpers/alive-time.js'
import type { Proxy as FaultyProxy } from '../helpers/proxy.js'
import {
  ALL_BUT_USAGE,
  CHANGES,
  type Fault,
  onBoth,
  onProxies,
  onServers,
  REFUSED,
  restored,
  SERVED,
  SHORT_MS,
} from './fault.js'
import { allowEverything, USER } from './target.js'

const LOOP = 'while true do end'

/** Faults of Redis itself. */
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
