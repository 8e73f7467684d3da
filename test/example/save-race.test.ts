import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { type RedisServer, startRedis } from '../helpers/redis.js'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 30_000 })

const CHILD = fileURLToPath(new URL('save-race-child.mjs', import.meta.url))
const WRITERS = 2
const READERS = 2

interface Result {
  readonly violations: string[]
  readonly counts: { reads: number; hits: number; computations: number; fencedCommits: number }
}

let redis: RedisServer
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis.stop())

const children = new Set<ChildProcess>()
const folders: string[] = []
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all([...children].map((child) => once(child, 'exit')))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/**
 * Processes save products of the example shop's table, others read them at the same time through `findCached`; `order`
 * is what a `save()` does to the cache.
 */
async function race(order: 'shop' | 'origin' | 'negligent', saves: number): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'keyedcache-race-'))
  folders.push(folder)
  const start = async (role: 'writer' | 'reader') => {
    const env = { ...process.env, SHOP_DATA_DIR: folder }
    const child = fork(CHILD, [role, order, redis.url, String(saves)], { env })
    children.add(child)
    child.once('exit', () => children.delete(child))
    const next = async () => {
      const ended = once(child, 'exit').then(([code]) =>
        Promise.reject(new Error(`A ${role} ended: ${code}`)),
      )
      const [message] = await Promise.race([once(child, 'message'), ended])
      return message as unknown
    }
    expect(await next()).toBe('ready')
    return { result: next() as Promise<Result>, goOn: () => child.send('go on') }
  }
  const many = (count: number, role: 'writer' | 'reader') =>
    Promise.all(Array.from({ length: count }, () => start(role)))
  const writers = await many(WRITERS, 'writer')
  const readers = await many(READERS, 'reader')
  for (const writer of writers) writer.goOn()
  const written = await Promise.all(writers.map(({ result }) => result))
  for (const reader of readers) reader.goOn()
  const results = [...written, ...(await Promise.all(readers.map(({ result }) => result)))]

  const total = (name: keyof Result['counts']) => results.reduce((sum, { counts }) => sum + counts[name], 0)
  const names = ['reads', 'hits', 'computations', 'fencedCommits'] as const
  const counts = Object.fromEntries(names.map((name) => [name, total(name)])) as Result['counts']
  const violations = results.flatMap((one) => one.violations)
  console.log(order, {
    processes: WRITERS + READERS,
    saves: WRITERS * saves,
    ...counts,
    violations: violations.length,
  })
  return { violations, counts }
}

test.each([
  ['the shop’s save(): save, delete', 'shop'],
  ['the origin’s save(): delete, save, set', 'origin'],
] as const)('%s: a read after it is never older than the saved value', async (_, order) => {
  const { violations, counts } = await race(order, 200)
  expect(violations).toEqual([])
  // It must have been a race: loaded data was outdated before it could be stored.
  expect(counts.hits).toBeGreaterThan(100)
  expect(counts.computations).toBeGreaterThan(10)
  expect(counts.fencedCommits).toBeGreaterThan(10)
})

test('a save() without invalidation is detected', async () => {
  const { violations } = await race('negligent', 20)
  expect(violations[0]).toMatch(/^product \d+: version 0\/0 was read after version \d+ had been saved$/)
})
