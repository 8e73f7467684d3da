import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SLOTS, slotOf } from '../../../src/store/redis/cluster/slot.js'
import { Names } from '../../../src/store/redis/names.js'
import { type RedisServer, startRedis } from '../../helpers/redis.js'

let server: RedisServer
let admin: Redis

beforeAll(async () => {
  server = await startRedis({ args: ['--cluster-enabled', 'yes'] })
  admin = new Redis(server.url)
})
afterAll(async () => {
  admin.disconnect()
  await server.stop()
})

const FIXED = [
  ...[
    '',
    'a',
    '123456789',
    'shop:product::123',
    '{shop}',
    '{}',
    '{}a',
    'a{}b{c}d',
    '{a}{b}',
    'a{b',
    'a}b{c',
    '}{',
  ],
  ...[
    '{{a}}',
    'a{b}c',
    'shop:gen:{shop:product::ü}',
    'ü',
    '{ü}x',
    '日本',
    '{a}ü',
    '\u{1F600}',
    '\uD800',
    '\0',
  ],
]

test('a name has the slot that a server of a Cluster gives it', async () => {
  const part = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('{', '}', '{}', '{a}', 'shop:'))
  const names = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''))
  const all = [...FIXED, ...fc.sample(names, 5_000)]
  const pipeline = admin.pipeline()
  for (const name of all) pipeline.cluster('KEYSLOT', name)
  const slots = (await pipeline.exec())?.map(([, slot]) => slot)
  expect(all.map(slotOf)).toEqual(slots)
  expect(Math.max(...all.map(slotOf))).toBeLessThan(SLOTS)
})

test('the names of one path share a slot, and so do the names of the prefix', () => {
  const names = new Names('shop')
  for (const path of ['product', 'product::1', 'ü::x']) {
    const slots = [names.entry(path), names.lease(path), names.generation(path)].map(slotOf)
    expect(new Set(slots).size).toBe(1)
  }
  const own = [
    ...[
      names.topGeneration(),
      names.probe(),
      names.secret(),
      names.sweepLock(),
      names.swept(),
      names.figures(),
    ],
    ...[names.processes(), names.process('a'), names.history('minute', 3), names.events(), names.requests()],
    ...[names.keyHistory(), names.sample('a')],
  ]
  expect(new Set(own.map(slotOf)).size).toBe(1)
})
