// Measures which share of the entries that a full Redis still has is readable, by eviction policy. `npm run eviction`, about three minutes.
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createCache } from '../dist/index.mjs'
import { startRedis } from './lib/redis.mjs'
import { count, machine, table } from './lib/table.mjs'

const POLICIES = [
  ...['allkeys-lru', 'allkeys-lfu', 'volatile-lru', 'volatile-lfu', 'volatile-ttl'],
  ...['allkeys-random', 'volatile-random', 'noeviction'],
]
const MAX_MEMORY = '20mb'
const ENTRIES = 15_000
const PARENTS = 5
const BYTES = 1_800
const LOOKUPS = 20_000
const BATCH = 100
/** Between two batches of writes: Redis compares ages in seconds, so all must not be written in one. */
const PAUSE_MS = 100

const rows = []
for (const policy of POLICIES) rows.push(await measure(policy))
console.log(machine())
table(
  `maxmemory ${MAX_MEMORY}, ${count(ENTRIES)} entries of ${BYTES} bytes under ${PARENTS} parents; then ${count(LOOKUPS)} lookups, of which the first keys get most`,
  [
    'policy',
    'entries stored',
    'readable',
    'of those stored',
    'evicted names',
    'refused writes',
    'hits in the lookups',
  ],
  rows,
)

async function measure(policy) {
  const redis = await startRedis(['--maxmemory', MAX_MEMORY, '--maxmemory-policy', policy])
  const client = new Redis(redis.url)
  const cache = createCache({
    redis: redis.url,
    keyPrefix: 'bench',
    ttl: '1h',
    compressionThreshold: false,
    timeouts: { store: '1s' },
    logger: { warn() {} },
  })
  const keys = Array.from({ length: ENTRIES }, (_, n) => cache.key(['parent', n % PARENTS, 'entry', n]))
  for (const batch of batches(keys)) {
    await cache.setMany(batch.map((key) => [key, value()]))
    await pause(PAUSE_MS)
  }
  const stored = await Promise.all(
    batches(keys).map((batch) => client.exists(batch.map((key) => `bench:${key.text}`))),
  )
  const values = await Promise.all(batches(keys).map((batch) => cache.getMany(batch)))
  const readable = values.flat().filter((one) => one !== undefined).length
  const evicted = await evictions(client)
  const refused = cache.processStats().storeFailures
  const hits = await lookUp(cache, keys)
  await cache.close()
  client.disconnect()
  await redis.stop()
  const present = stored.reduce((sum, number) => sum + number, 0)
  return [
    policy,
    count(present),
    count(readable),
    percent(readable / present),
    count(evicted),
    count(refused),
    percent(hits / LOOKUPS),
  ]
}

/** Reads, and computes what is missing. Returns the number of hits. */
async function lookUp(cache, keys) {
  let computed = 0
  for (let done = 0; done < LOOKUPS; done += BATCH) {
    const wanted = Array.from({ length: BATCH }, () => keys[Math.floor(keys.length * Math.random() ** 3)])
    await Promise.all(
      wanted.map((key) =>
        cache.getOrSet(key, () => {
          computed++
          return value()
        }),
      ),
    )
  }
  return LOOKUPS - computed
}

function value() {
  return 'x'.repeat(BYTES)
}

function batches(keys) {
  return Array.from({ length: Math.ceil(keys.length / BATCH) }, (_, n) =>
    keys.slice(n * BATCH, (n + 1) * BATCH),
  )
}

async function evictions(client) {
  return Number(/evicted_keys:(\d+)/.exec(await client.info('stats'))?.[1])
}

function percent(share) {
  return `${Math.round(share * 100)} %`
}
