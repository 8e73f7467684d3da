// One process of an application: executes commands on its cache, and sends their results.
import { setTimeout as pause } from 'node:timers/promises'
import { createCache } from 'keyedcache'
import { invalidations, waysOf } from './ways.mjs'

const cache = createCache(JSON.parse(process.argv[2]))
const ways = waysOf(cache)
/** Resolvers of the factories that wait, by key. */
const held = new Map()
const endedAt = new Map()

/** Milliseconds on a clock that all processes of a machine share. */
const clock = () => Number(process.hrtime.bigint()) / 1e6

/** A stand-in for a slow query: takes time, waits for its release, or fails, as planned. */
async function compute(key, { value, ms = 0, isHeld = false, failure }, signal) {
  signal.addEventListener('abort', () => process.send({ event: `aborted ${key}` }))
  process.send({ event: `computing ${key}`, at: clock() })
  if (ms > 0) await pause(ms)
  if (isHeld) await new Promise((resolve) => held.set(key, resolve))
  endedAt.set(key, clock())
  if (failure !== undefined) throw new Error(failure)
  return value
}

const tasks = {
  check: () => cache.check(),
  /** Resolves when it is closed, with when that began. */
  async close() {
    const began = clock()
    await cache.close()
    return began
  },
  stats: () => cache.processStats().totals,
  get: ({ path }) => cache.get(path),
  invalidate: ({ how, path, value }) => invalidations[how](cache, path, value),
  obtain: ({ way, id, value }) => ways[way](id, () => value),
  /** Makes `callers` concurrent calls. */
  async ask({ key, plan, callers = 1, options }) {
    const errors = new Set()
    const outcomes = await Promise.all(
      Array.from({ length: callers }, async () => {
        try {
          const value = await cache.getOrSet(key, ({ signal }) => compute(key, plan, signal), options)
          return { value, at: clock() }
        } catch (error) {
          errors.add(error)
          return { error: `${error.name}: ${error.message}`, at: clock() }
        }
      }),
    )
    return { outcomes, errors: errors.size }
  },
  /** Lets a held factory go on; resolves when it has ended. */
  async letGo({ key }) {
    held.get(key)()
    await pause(0)
    return endedAt.get(key)
  },
  /** `count` of each: values computed, then read, read twice in one request, others set, deleted together, missed. */
  async traffic({ name, count }) {
    const ids = Array.from({ length: count }, (_, id) => id)
    for (const id of ids) await cache.getOrSet(['product', name, id], () => ({ id }))
    for (const id of ids) await cache.get(['product', name, id])
    await cache.withRequestMemory(async () => {
      for (const id of [...ids, ...ids]) await cache.get(['product', name, id])
    })
    for (const id of ids) await cache.set(['cart', name, id], id)
    await cache.delete(['cart', name], { children: true })
    await cache.get(['cart', name, 0])
    return process.pid
  },
  /** For each key many callers ask at once. */
  async stampede({ keys, callers, ms, delayMs }) {
    await pause(delayMs)
    const computed = []
    const waits = []
    const ask = async (key) => {
      const began = performance.now()
      const value = await cache.getOrSet(key, async () => {
        computed.push(key)
        await pause(ms)
        return `${key} by ${process.pid}, its ${computed.length}th`
      })
      waits.push(performance.now() - began)
      return value
    }
    const values = await Promise.all(
      keys.map(async (key) => [
        ...new Set(await Promise.all(Array.from({ length: callers }, () => ask(key)))),
      ]),
    )
    return { waits, values, computed, totals: cache.processStats().totals }
  },
}

process.on('message', async ({ id, task, params }) => {
  try {
    process.send({ id, answer: await tasks[task](params) })
  } catch (error) {
    process.send({ id, error: String(error?.stack ?? error) })
  }
})
process.once('disconnect', () => process.exit())
