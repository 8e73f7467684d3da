// One script that uses the cache for a moment: `end` says whether it closes it, or just has nothing more to do.
import { createCache } from 'keyedcache'

const { url, options, jobs, end } = JSON.parse(process.argv[2])
const open = () => createCache({ redis: url, keyPrefix: 'exit', logger: { warn() {} }, ...options })
const cache = open()
const caches = [cache]
const work = {
  set: () => cache.set(['product', 1], 1),
  get: () => cache.get(['product', 1]),
  deleteTree: () => cache.delete('product', { children: true }),
  getOrSet: () => cache.getOrSet(['product', 2], () => 2),
  /** Waits for another cache's computation, and so listens for its end. */
  wait: async () => {
    const other = open()
    caches.push(other)
    const slow = () => new Promise((resolve) => setTimeout(resolve, 200, 3))
    await Promise.all([other.getOrSet(['product', 3], slow), cache.getOrSet(['product', 3], slow)])
  },
  /** Until dead entries are being reclaimed in the background. */
  reclaim: () => new Promise((resolve) => setTimeout(resolve, 1_020)),
  /** Waits for a message: the store may be in another state by then. */
  pause: () => {
    const told = new Promise((resolve) => process.once('message', resolve))
    process.send('paused')
    return told.then(() => {})
  },
}
const done = []
for (const job of jobs) done.push(await work[job]())
const began = performance.now()
if (end === 'close') await Promise.all(caches.map((one) => one.close()))
const line = JSON.stringify({ done, closedAfterMs: performance.now() - began, at: Date.now() })
process.stdout.write(`${line}\n`)
if (process.connected) process.disconnect()
