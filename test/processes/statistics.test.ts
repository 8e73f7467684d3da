import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { openSite, words } from '../dashboard/site.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { killMembersAfterEach, startMembers } from './crew.js'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
killMembersAfterEach()

const COUNTS = [10, 20, 30, 40]
const ALL = COUNTS.reduce((sum, count) => sum + count, 0)

/** The figures of a process after the traffic of `count`. */
const expected = (count: number, processes = 1) => ({
  hits: 3 * count,
  requestHits: count,
  processHits: 0,
  misses: count + processes,
  computations: count,
  failedComputations: 0,
  writes: count,
  deletes: processes,
  treeDeletes: processes,
  waits: 0,
  avoided: 0,
  fencedCommits: 0,
  staleServed: 0,
})

test('each figure of four processes is on the overview a second after the last request, and stays when one is killed', async () => {
  const options = { redis: server.url, keyPrefix: 'figures', timeouts: { store: '2s' } } as const
  const members = await startMembers(COUNTS.length, options)
  const cache = createCache(options)
  const { ask } = await openSite({ cache })
  const json = async (path: string) => JSON.parse((await ask(`/cache/api/${path}`)).text)

  const pids = await Promise.all(
    members.map((member, index) =>
      member.run('traffic', { name: `m${index}`, count: COUNTS[index] as number }),
    ),
  )
  await pause(1_000)
  // One look, a second after the last request: nothing is waited for.
  const [page, stats] = [words((await ask('/cache/')).text), await json('stats')]

  expect(stats.scope).toBe('all processes')
  expect(stats.totals).toMatchObject(expected(ALL, COUNTS.length))
  expect(stats.totals.missesBy).toEqual({ absent: ALL, 'ancestor-deleted': COUNTS.length })
  expect(stats.families).toMatchObject([
    { family: 'product', hits: 3 * ALL, misses: ALL, computations: ALL, writes: 0 },
    { family: 'cart', hits: 0, misses: COUNTS.length, writes: ALL, deletes: COUNTS.length },
  ])
  expect(page).toContain('Figures of all processes')
  const reads = 4 * ALL + COUNTS.length
  for (const window of ['Last minute', 'Last hour', 'Last day', 'Total']) {
    expect(page).toMatch(new RegExp(`${window}\\s*74\\.3 %\\s*of ${reads} reads`))
  }
  expect(page).toMatch(new RegExp(`Hits\\s*${3 * ALL}\\s*Request memory hits\\s*${ALL}`))
  expect(page).toMatch(
    new RegExp(`Misses\\s*${ALL + COUNTS.length}\\s*Evicted or lost\\s*0\\s*Sets\\s*${ALL}`),
  )
  expect(page).toMatch(new RegExp(`Computations\\s*${ALL}\\s*Failed computations\\s*0`))
  expect(page).toMatch(new RegExp(`${ALL} no record of it .*${COUNTS.length} deleted with a parent key`))
  const history = stats.history.minutes.reduce(
    (sum: number, step: { hits?: number }) => sum + (step.hits ?? 0),
    0,
  )
  expect(history).toBe(3 * ALL)

  const { processes } = await json('processes')
  const byPid = (pid: number) => processes.find((one: { pid: number }) => one.pid === pid)
  for (const [index, pid] of pids.entries()) {
    expect(byPid(pid)?.totals, `process ${index}`).toMatchObject(expected(COUNTS[index] as number))
  }

  const [killed] = pids
  const killedAt = performance.now()
  await members[0]?.kill()
  const state = async () => {
    const row = (await ask('/cache/processes')).text
      .split('<tr>')
      .find((part) => part.includes(`:${killed}<`))
    return row && words(row)
  }
  expect(await state()).toContain('active')
  await vi.waitFor(async () => expect(await state()).toContain('silent'), { timeout: 15_000, interval: 250 })
  const silentAfter = performance.now() - killedAt
  await vi.waitFor(async () => expect(await state()).toBeUndefined(), { timeout: 40_000, interval: 250 })
  console.log(
    `Silent ${(silentAfter / 1_000).toFixed(1)} s after it was killed, gone after ${((performance.now() - killedAt) / 1_000).toFixed(1)} s`,
  )
  expect((await json('stats')).totals).toMatchObject(expected(ALL, COUNTS.length))
}, 90_000)

test('a restarted process continues the totals', async () => {
  const options = { redis: server.url, keyPrefix: 'again', timeouts: { store: '2s' } } as const
  const cache = createCache(options)
  for (let life = 1; life <= 3; life++) {
    const [member] = await startMembers(1, options)
    await member?.run('traffic', { name: `life${life}`, count: 5 })
    await pause(1_000)
    await member?.kill()
    expect((await cache.stats()).totals).toMatchObject(expected(5 * life, life))
  }
  await cache.close()
})
