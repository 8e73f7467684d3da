// A process that makes a large batch of calls at once, and sends the result.
import { createCache } from 'keyedcache'

const { url, count, operation } = JSON.parse(process.argv[2])
const warnings = []
process.on('warning', ({ name, message }) => warnings.push(`${name}: ${message}`))
const failures = []
const logger = { warn: (message) => failures.push(message) }
const cache = createCache({ redis: url, keyPrefix: 'batches', logger, timeouts: { store: '2s' } })

const tick = () => new Promise(setImmediate)
const keys = Array.from({ length: count }, (_, index) => ['many', index])
const operations = {
  setMany: () => cache.setMany(keys.map((key, index) => [key, index])),
  getMany: async () => (await cache.getMany(keys)).filter((value, index) => value === index).length,
  deleteMany: () => cache.deleteMany(keys),
  getOrSet: async () => {
    const values = await Promise.all(keys.map((key, index) => cache.getOrSet(key, () => index)))
    return values.filter((value, index) => value === index).length
  },
}

await cache.set('first', 1)
// One batch is queued already when the large one comes.
const few = cache.setMany(Array.from({ length: 1_000 }, (_, index) => [['few', index], index]))
await tick()
await tick()
const doing = operations[operation]()
// Those of another request come while the large batch is under way.
await tick()
const began = performance.now()
const other = await cache.get(['few', 0]).then((value) => ({ value, ms: performance.now() - began }))
const result = {
  done: await doing,
  few: await few,
  other,
  warnings,
  failures,
  rss: process.resourceUsage().maxRSS,
}
await cache.close()
process.send(result)
process.disconnect()
