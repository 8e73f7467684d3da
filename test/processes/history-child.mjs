// One process of the history check: reads through get → miss → set, or changes the database and invalidates.
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createCache } from 'keyedcache'
import { random } from './random.mjs'

const [role, number, cacheUrl, databaseUrl, seed] = process.argv.slice(2)
const pick = random(`${seed}/${role}/${number}/${process.env.LIFE}`)
const database = new Redis(databaseUrl)
const cache = createCache({
  redis: cacheUrl,
  keyPrefix: 'history',
  compressAbove: 1_000,
  throwOnStoreError: true,
  logger: { warn() {} },
})

/** Each writer owns a family, so that it knows what it has invalidated. */
const KEYS = [0, 1, 2].flatMap((family) =>
  [0, 1].flatMap((group) => [0, 1].map((id) => `f${family}::g${group}::k${id}`)),
)
const counts = { reads: 0, fills: 0, refused: 0, invalidations: 0 }
const report = (violation) => process.send({ violation, counts })

/** A value of the database's present version, now and then so large that it is compressed. */
const valueAt = (version) => ({ version, more: 'more '.repeat(pick(4) === 0 ? 1_000 : 1) })

async function read() {
  const key = KEYS[pick(KEYS.length)]
  const floor = Number(await database.get(`floor:${key}`))
  await cache.withRequestMemory(async () => {
    const way = pick(4)
    let value
    if (way === 0) [value] = await cache.getMany([key, KEYS[pick(KEYS.length)]])
    else if (way === 1) value = (await cache.has(key)) ? await cache.get(key) : undefined
    else value = await cache.get(key)
    counts.reads++
    if (value !== undefined && value.version < floor) {
      report(`${key}: read version ${value.version} after an invalidation at ${floor} had returned`)
    }
    if (value !== undefined) return
    const version = Number(await database.get(`version:${key}`))
    if (pick(3) === 0) await pause(pick(30))
    if (await cache.set(key, valueAt(version), { ttl: pick(3) === 0 ? '200ms' : '5s' })) counts.fills++
    else counts.refused++
  })
}

async function change() {
  const mine = KEYS.filter((key) => key.startsWith(`f${number}::`))
  const key = mine[pick(mine.length)]
  const parent = key
    .split('::')
    .slice(0, 1 + pick(2))
    .join('::')
  const ways = [
    [[key], () => cache.delete(key)],
    [mine.filter((one) => one.startsWith(`${parent}::`)), () => cache.delete(parent, { children: true })],
    [mine, () => cache.clear()],
    [mine.slice(0, 3), () => cache.deleteMany(mine.slice(0, 3))],
    [[key], (versions) => cache.set(key, valueAt(versions.get(key)))],
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
  await pause(pick(20))
}

setInterval(() => process.send({ counts }), 200)
for (;;) {
  await (role === 'reader' ? read() : change()).catch((error) => {
    if (error.code !== 'ERR_KEYEDCACHE_NOT_RESPONDING') report(String(error.stack))
    return pause(5)
  })
}
