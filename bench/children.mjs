// Measures a delete with children, by the number of children. `npm run children`, about a minute.
import { deepStrictEqual } from 'node:assert'
import { median, takeTurns, time } from './lib/rounds.mjs'
import { count, machine, micros, table, times } from './lib/table.mjs'
import { growTree } from './lib/tree.mjs'
import { usualDeletes } from './lib/usual-deletes.mjs'

const SIZES = [10, 1_000, 100_000, 1_000_000]
const BLOCKS = 6
/** A block ends before the reclaiming begins, a second after the first delete. */
const WARM_MS = 250
const BLOCK_MS = 800
/** Maximum ratio of the largest tree's cost to the smallest tree's. */
const CLAIM = 2

const OPERATIONS = {
  'delete(key, { children: true })': (cache, tree) => cache.delete(tree.parent, { children: true }),
  'clear()': (cache) => cache.clear(),
}

console.log(machine())
const trees = []
for (const size of SIZES) trees.push(await growTree(size))
const medians = {}
for (const [name, operation] of Object.entries(OPERATIONS))
  medians[name] = await constantCost(name, operation)
await reclaiming(trees.filter(({ size }) => size === 1_000 || size === 100_000))
for (const tree of trees) await tree.stop()
await besideTheUsualWays(medians['delete(key, { children: true })'])

/** Measures one operation on each tree, all of whose children are live before each delete. Returns the medians. */
async function constantCost(name, operation) {
  const firsts = []
  for (const tree of trees) firsts.push(await firstDelete(tree, operation))
  const rounds = await timedDeletes(operation)
  table(
    `${name}, ${rounds[0].length} times each, the sizes in turns`,
    ['children', 'commands sent', 'run by its script', 'first delete, µs', 'median, µs', 'best, µs'],
    trees.map(({ size }, i) => {
      const { commands, ms } = firsts[i]
      return [count(size), ...commands, micros(ms), micros(median(rounds[i])), micros(Math.min(...rounds[i]))]
    }),
  )
  const ratio = median(rounds.at(-1)) / median(rounds[0])
  const verdict = ratio <= CLAIM ? 'holds' : 'DOES NOT HOLD'
  console.log(`\nLargest to smallest: ${times(ratio)} by the medians. Claim, at most ${CLAIM}: ${verdict}.`)
  if (ratio > CLAIM) process.exitCode = 1
  return rounds.map(median)
}

/** Time and commands of the first delete of a populated tree. */
async function firstDelete(tree, operation) {
  const cache = tree.openCache()
  // Loads the scripts; the invalidated children are revived.
  await cache.delete('other', { children: true })
  await cache.clear()
  await tree.revive()
  await tree.expectChildren(cache, true)
  let ms
  const ran = await tree.commandsOf(async () => {
    ms = await time(() => operation(cache, tree))
  })
  await tree.expectChildren(cache, false)
  await tree.revive()
  await cache.close()
  const sent = ran.get('evalsha') ?? 0
  ran.delete('evalsha')
  return { ms, commands: [`${sent} EVALSHA`, inWords(ran)] }
}

/** Times of many deletes of each tree, with caches that are closed before their reclaiming begins. */
async function timedDeletes(operation) {
  const took = trees.map(() => [])
  const turns = Object.fromEntries([...trees.keys()].map((i) => [i, i]))
  for (let block = 0; block < BLOCKS; block++) {
    const caches = trees.map((tree) => tree.openCache())
    const round = async (i) => {
      const ms = await time(() => operation(caches[i], trees[i]))
      deepStrictEqual(await caches[i].get(`${trees[i].parent}::1`), undefined)
      await trees[i].revive()
      return ms
    }
    for (const [i, tree] of trees.entries()) await tree.expectChildren(caches[i], true)
    const start = performance.now()
    while (performance.now() - start < BLOCK_MS) {
      const warm = performance.now() - start > WARM_MS
      const turn = await takeTurns(turns, 1, round)
      if (warm) for (const i of trees.keys()) took[i].push(...turn[i])
    }
    for (const [i, tree] of trees.entries()) await tree.expectChildren(caches[i], true)
    for (const cache of caches) await cache.close()
  }
  return took
}

/** Measures the reclaiming, which runs in the background after a delete. */
async function reclaiming(some) {
  const rows = []
  for (const tree of some) {
    const cache = tree.openCache()
    await cache.check()
    const names = await tree.client.dbsize()
    let seconds
    const ran = await tree.commandsOf(async () => {
      await cache.delete(tree.parent, { children: true })
      seconds = (await time(() => tree.untilReclaimed())) / 1000
    })
    await cache.close()
    // Calls of this script, which waits for the end.
    ran.delete('exists')
    rows.push([
      count(tree.size),
      seconds.toFixed(1),
      count(names - (await tree.client.dbsize())),
      inWords(ran),
    ])
  }
  table(
    'Afterwards, in the background',
    ['children', 'seconds until all are freed', 'names freed', 'commands run'],
    rows,
  )
}

async function besideTheUsualWays(ours) {
  const { ways, stop } = await usualDeletes()
  const sizes = SIZES.filter((size) => size <= 100_000)
  const rows = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
  const round = async ({ populate, remove }, size) => {
    await populate(size)
    return time(remove)
  }
  for (const size of sizes) {
    const rounds = await takeTurns(ways, size > 10_000 ? 3 : 25, (way) => round(way, size))
    for (const name of Object.keys(ways)) rows[name].push(micros(median(rounds[name])))
  }
  await stop()
  table(
    'Beside the usual ways: median µs',
    ['', ...sizes.map((size) => `${count(size)} children`)],
    [
      ['keyedcache delete with children', ...sizes.map((_, i) => micros(ours[i]))],
      ...Object.entries(rows).map(([name, row]) => [name, ...row]),
    ],
  )
}

function inWords(commands) {
  return [...commands].map(([name, calls]) => `${count(calls)} ${name.toUpperCase()}`).join(', ')
}
