// Measures reads and writes on a real Redis, beside other libraries. `npm run read`, about a minute and a half.
import { deepStrictEqual } from 'node:assert'
import { createCache } from '../dist/index.mjs'
import { openContenders } from './lib/contenders.mjs'
import { startRedis } from './lib/redis.mjs'
import { load, median, medianRatio, takeTurns } from './lib/rounds.mjs'
import { count, machine, micros, table, times } from './lib/table.mjs'
import { VALUE } from './lib/value.mjs'

const CONCURRENCIES = [1, 8, 64]
const ROUNDS = 15
const TURN_MS = 70
const BASE = 'plain ioredis'

const redis = await startRedis()
const contenders = openContenders(redis.url)
const keys = Array.from({ length: 1000 }, (_, i) => `product::${i}`)
let next = 0

for (const it of Object.values(contenders)) {
  for (const key of keys) await it.set(key, VALUE)
  deepStrictEqual(await it.get(keys[7]), VALUE)
}

console.log(machine())
console.log(
  `\n${ROUNDS} rounds of ${TURN_MS} ms in turns; a value of ${JSON.stringify(VALUE).length} bytes of JSON under keys of two segments. ` +
    'Per cell, by the median round: operations a second, how many times plain ioredis in the same round, ' +
    'latency, and CPU time of this process per operation.',
)
await compare('get, a hit, outside a request', (it) => () => it.get(keys[next++ % keys.length]))
await compare('set', (it) => () => it.set(keys[next++ % keys.length], VALUE))
await compare(
  'fill: get, a miss, then set (in a request with a safe method)',
  (it) => () => it.fill(`fill::${next++}`, VALUE),
)
await repeatedReads()

for (const it of Object.values(contenders)) await it.close()
await redis.stop()

async function compare(title, operationOf) {
  const results = []
  for (const concurrency of CONCURRENCIES) {
    const measure = (it) => load(operationOf(it), concurrency, TURN_MS)
    await takeTurns(contenders, 3, measure)
    results.push(await takeTurns(contenders, ROUNDS, measure))
  }
  table(
    title,
    ['', ...CONCURRENCIES.map((concurrency) => `${concurrency} at a time`)],
    Object.keys(contenders).map((name) => [
      name,
      ...results.map((of) => {
        const figures = (figure, from = name) => of[from].map((round) => round[figure])
        const rates = figures('perSecond')
        return [
          `${count(median(rates))}/s`,
          times(medianRatio(rates, figures('perSecond', BASE))),
          `${micros(median(figures('latencyMs')))} µs`,
          `${median(figures('cpuMicros')).toFixed(0)} µs CPU`,
        ].join(', ')
      }),
    ]),
  )
}

/** Nanoseconds of the second `get` of a key in one request, which needs no I/O. */
async function repeatedReads() {
  const cache = createCache({ redis: redis.url, keyPrefix: 'kc' })
  const forms = {
    'a path, `product::7`': 'product::7',
    'parts, `["product", 7]`': ['product', 7],
    'a CacheKey': cache.key('product', 7),
    '(an await of nothing)': undefined,
  }
  await cache.withRequestMemory(async (own) => {
    deepStrictEqual(await own.get('product::7'), VALUE)
    const rounds = await takeTurns(forms, 40, async (form) => {
      const start = performance.now()
      if (form === undefined) for (let i = 0; i < 10_000; i++) await nothing()
      else for (let i = 0; i < 10_000; i++) await own.get(form)
      return (performance.now() - start) * 100
    })
    table(
      'get, repeated in one request',
      ['key given as', 'median ns', 'best ns'],
      Object.entries(rounds).map(([form, ns]) => [form, count(median(ns)), count(Math.min(...ns))]),
    )
  })
  await cache.close()
}

async function nothing() {}
