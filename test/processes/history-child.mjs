// One process of the history check: reads through getOrSet or get → miss → set, or changes the database and invalidates.
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createCache } from 'keyedcache'
import { random } from './random.mjs'

const [role, number, cacheUrl, databaseUrl, seed] = process.argv.slice(2)
const pick = random(`${seed}/${role}/${number}/${process.env.LIFE}`)
const database = new Redis(databaseUrl)
/** One of the readers has a process memory, which is too small for all keys. */
const remembers = role === 'reader' && number === '0'
const cache = createCache({
  redis: cacheUrl,
  keyPrefix: 'history',
  memory: remembers && { maxEntries: 15 },
  compressionThreshold: 1_000,
  // Shorter than a process is stopped for, now and then.
  timeouts: { lease: '300ms' },
  throwOnStoreError: true,
  logger: { warn() {} },
})

/** Each writer owns a family, so that it has the versions of its invalidations. */
const KEYS = [0, 1, 2].flatMap((family) =>
  [0, 1].flatMap((group) => [0, 1].map((id) => `f${family}::g${group}::k${id}`)),
)
const counts = { reads: 0, fills: 0, refused: 0, invalidations: 0 }
const figures = () => {
  const { computations, avoided, fencedCommits, takeovers, staleServed, processHits } =
    cache.processStats().totals
  return { ...counts, computations, avoided, fencedCommits, takeovers, staleServed, processHits }
}
const report = (violation) => process.send({ violation, counts: figures() })

/** A value of the database's present version, now and then so large that it is compressed. */
const valueAt = (version) => ({ version, more: 'more '.repeat(pick(4) === 0 ? 1_000 : 1) })

/** The version of a key in the database, which may be used only later. */
async function load(key) {
  const version = Number(await database.get(`version:${key}`))
  if (pick(3) === 0) await pause(pick(30))
  return valueAt(version)
}

/** Fresh for so short that it is often stale, and kept long enough to be served all the same. */
const options = () => ({
  ttl: pick(2) === 0 ? '15ms' : '5s',
  grace: pick(2) === 0 && '5s',
  earlyRefresh: pick(2) === 0,
  ...(pick(4) === 0 && { softTimeout: 20 }),
})
const cachedLoad = cache.cached(load, { ttl: '5s', keyOf: (key) => key.split('::'), name: 'load' })

/** Each gives pairs of a key and the value that was read of it. */
const READS = [
  async (key, fill) => [[key, await fill(key, () => cache.get(key))]],
  async (key, fill) => [[key, await fill(key, async () => (await cache.has(key)) && (await cache.get(key)))]],
  async (key, fill) => [
    [key, await fill(key, async () => (await cache.getMany([key, KEYS[pick(KEYS.length)]]))[0])],
  ],
  async (key) => [[key, await cache.getOrSet(key, () => load(key), options())]],
  async (key) => [[key, await cache.getOrSet(key, () => load(key), options())]],
  async (key) => [[key, await cachedLoad(key)]],
  async (key) => {
    const keys = [key, KEYS[pick(KEYS.length)]]
    const values = await cache.getOrSetMany(keys, (missing) => Promise.all(missing.map(load)), options())
    return keys.map((one, index) => [one, values[index]])
  },
]

/** Get, and set after a miss. */
async function fill(key, get) {
  const value = (await get()) || undefined
  if (value !== undefined) return value
  if (await cache.set(key, await load(key), { ttl: pick(3) === 0 ? '200ms' : '5s' })) counts.fills++
  else counts.refused++
}

/** Maximum age of an outdated value in process memory, in milliseconds. */
const BOUND_MS = 1_000
/** The oldest permitted versions at recent times, oldest first. */
const demanded = []

/** The oldest version that a read may yield now, by key; with process memory, that of a moment ago. */
async function floorsNow() {
  const floors = new Map()
  const names = KEYS.map((one) => `floor:${one}`)
  for (const [index, floor] of (await database.mget(names)).entries()) floors.set(KEYS[index], Number(floor))
  if (!remembers) return floors
  const now = performance.now()
  demanded.push({ at: now, floors })
  while (demanded.length > 1 && now - demanded[1].at >= BOUND_MS) demanded.shift()
  const [{ at, floors: before }] = demanded
  return now - at >= BOUND_MS ? before : new Map(KEYS.map((one) => [one, 0]))
}

async function read() {
  const key = KEYS[pick(KEYS.length)]
  const floors = await floorsNow()
  const way = READS[pick(READS.length)]
  const once = async () => {
    for (const [one, value] of await way(key, fill)) {
      counts.reads++
      if (value !== undefined && value.version < floors.get(one)) {
        report(
          `${one}: ${role} ${number} read version ${value.version} in way ${READS.indexOf(way)} after an invalidation at ${floors.get(one)} had returned`,
        )
      }
    }
  }
  // Several at once, so that computations are joined.
  await cache.withRequestMemory(() => Promise.all(Array.from({ length: 1 + pick(2) }, once)))
  // And again, in requests that have read nothing yet.
  if (remembers) for (let n = 0; n < 4; n++) await cache.withRequestMemory(once)
}

/** Deletes the values that were set, and the results of the cached function. */
async function deleteTree(parent) {
  await cache.delete(parent, { children: true })
  await cache.delete(['func', 'load', ...parent.split('::')], { children: true })
}

async function change() {
  const mine = KEYS.filter((key) => key.startsWith(`f${number}::`))
  const key = mine[pick(mine.length)]
  const parent = key
    .split('::')
    .slice(0, 1 + pick(2))
    .join('::')
  const ways = [
    [[key], () => cache.delete(key).then(() => cachedLoad.delete(key))],
    [mine.filter((one) => one.startsWith(`${parent}::`)), () => deleteTree(parent)],
    [mine, () => cache.clear()],
    [
      mine.slice(0, 3),
      () => cache.deleteMany([...mine.slice(0, 3), ...mine.slice(0, 3).map(cachedLoad.key)]),
    ],
    [[key], (versions) => cachedLoad.delete(key).then(() => cache.set(key, valueAt(versions.get(key))))],
  ]
  const [keys, invalidate] = ways[pick(ways.length)]
  const versions = new Map()
  for (const one of keys) versions.set(one, await database.incr(`version:${one}`))
  // One that failed is not promised: it is tried until it has surely happened.
  while (
    !(await invalidate(versions).then(
      () => true,
      () => false,
    ))
  )
    await pause(20)
  for (const [one, version] of versions) await database.set(`floor:${one}`, version)
  counts.invalidations++
  await pause(pick(60))
}

setInterval(() => process.send({ counts: figures() }), 200)
for (;;) {
  await (role === 'reader' ? read() : change()).catch((error) => {
    if (error.code !== 'ERR_KEYEDCACHE_NOT_RESPONDING') report(String(error.stack))
    return pause(5)
  })
}
