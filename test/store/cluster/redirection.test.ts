import { expect } from 'vitest'
import { ownedRanges } from '../../../src/store/redis/cluster/slot-owners.js'
import { asNotResponding } from '../../../src/store/redis/not-responding.js'
import { redirectionIn } from '../../../src/store/redis/redirection.js'
import { named, testRows } from '../../helpers/rows.js'

const reply = (message: string) => Object.assign(new Error(message), { name: 'ReplyError' })

const redirections: [message: string, redirection: unknown][] = [
  ['MOVED 3999 127.0.0.1:6381', { kind: 'moved', slot: 3999, to: { host: '127.0.0.1', port: 6381 } }],
  [
    'MOVED 0 redis.example.com:6381',
    { kind: 'moved', slot: 0, to: { host: 'redis.example.com', port: 6381 } },
  ],
  ['MOVED 5 :6381', { kind: 'moved', slot: 5, to: { host: '', port: 6381 } }],
  ['MOVED 5 2001:db8::1:6381', { kind: 'moved', slot: 5, to: { host: '2001:db8::1', port: 6381 } }],
  ['ASK 16383 10.0.0.1:7000', { kind: 'ask', slot: 16_383, to: { host: '10.0.0.1', port: 7000 } }],
  ['TRYAGAIN Multiple keys request during rehashing of slot', { kind: 'again' }],
  ['CLUSTERDOWN The cluster is down', { kind: 'down' }],
  ["CROSSSLOT Keys in request don't hash to the same slot", { kind: 'cross' }],
  ['ERR MOVED 3999 127.0.0.1:6381', undefined],
  ['NOSCRIPT No matching script', undefined],
]
testRows(
  'A redirection is found in',
  named(redirections, ([message]) => message),
  ([message, found]) => {
    expect(redirectionIn(reply(message))).toEqual(found)
    expect(redirectionIn(asNotResponding(reply(message)))).toEqual(found)
  },
)

const asked = { host: 'asked', port: 1 }
const range = (host: string | null) => [
  [0, 5, [host === null ? null : Buffer.from(host), 7000, Buffer.from('id')]],
]
const replies: [name: string, reply: unknown, natMap: Parameters<typeof ownedRanges>[2], master: unknown][] =
  [
    ['an address', range('10.0.0.1'), undefined, { host: '10.0.0.1', port: 7000 }],
    ['an unknown address', range(null), undefined, { host: 'asked', port: 7000 }],
    ['an empty address', range(''), undefined, { host: 'asked', port: 7000 }],
    [
      'an address of a natMap',
      range('10.0.0.1'),
      { '10.0.0.1:7000': { host: 'a', port: 1 } },
      { host: 'a', port: 1 },
    ],
    [
      'an address that no natMap has',
      range('10.0.0.2'),
      { '10.0.0.1:7000': asked },
      { host: '10.0.0.2', port: 7000 },
    ],
    [
      'a natMap that is a function',
      range('10.0.0.1'),
      (key) => ({ host: key, port: 2 }),
      { host: '10.0.0.1:7000', port: 2 },
    ],
    ['a function that returns nothing', range('10.0.0.1'), () => null, { host: '10.0.0.1', port: 7000 }],
  ]
testRows(
  'A master is read from',
  named(replies, ([name]) => name),
  ([, given, natMap, master]) => {
    expect(ownedRanges(given, asked, natMap)).toEqual([{ first: 0, last: 5, master, replicas: [] }])
  },
)
