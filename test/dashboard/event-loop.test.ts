import { expect, onTestFinished, test } from 'vitest'
import { waitForSlice, yieldAfterSlice } from '../../src/dashboard/scheduling/time-slices.js'
import { openSite, words } from './site.js'

/** Turns of the event loop that others had while something went on. */
async function turnsDuring<Result>(work: () => Promise<Result>): Promise<{ turns: number; result: Result }> {
  let turns = 0
  let isOver = false
  const count = () => {
    turns++
    if (!isOver) setImmediate(count)
  }
  onTestFinished(() => {
    isOver = true
  })
  setImmediate(count)
  try {
    return { result: await work(), turns }
  } finally {
    isOver = true
  }
}

test('work of many pages has one slice in each turn of the event loop', async () => {
  const order: string[] = []
  let turn = 0
  let isOver = false
  const count = () => {
    turn++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const page = async (name: string) => {
    for (let slice = 0; slice < 3; slice++) {
      await waitForSlice()
      order.push(`${name}${turn}`)
    }
  }
  await Promise.all(['a', 'b', 'c'].map(page))
  isOver = true
  const turns = order.map((entry) => entry.slice(1))
  expect(new Set(turns).size).toBe(9)
  expect(order.map((entry) => entry.charAt(0)).join('')).toBe('abcabcabc')
})

test('work that has used up its slice waits, and other work goes on', async () => {
  await waitForSlice()
  const { turns: none } = await turnsDuring(async () => yieldAfterSlice())
  expect(none).toBe(0)
  const until = performance.now() + 20
  while (performance.now() < until);
  const { turns } = await turnsDuring(async () => yieldAfterSlice())
  expect(turns).toBeGreaterThan(0)
})

test.each<[string, () => unknown]>([
  ['a text that looks like names', () => 'a-'.repeat(1e6)],
  ['a long list', () => Array.from({ length: 1e6 }, (_, at) => at)],
  ['a Map', () => new Map(Array.from({ length: 1e5 }, (_, at) => [`k${at}`, at]))],
  ['a list of records', () => Array.from({ length: 3e4 }, (_, id) => ({ id, token: 'x', name: `n${id}` }))],
  ['bytes', () => Buffer.alloc(5e6, 'ab')],
  ['a bigint', () => 1n << 40_000_000n],
])('the download of %s lets other work run', async (_what, make) => {
  const { ask, cache } = await openSite({ cache: { store: { memory: { maxBytes: 500_000_000 } } } })
  expect(await cache.set('large', make())).toBe(true)
  const { turns, result } = await turnsDuring(() => ask('/cache/download?key=large'))
  expect(result.status).toBe(200)
  expect(result.text.length).toBeGreaterThan(500_000)
  expect(turns).toBeGreaterThan(20)
})

test('a large bigint is shown with its size and its beginning', async () => {
  const { ask, cache } = await openSite()
  await cache.set('large', -(1n << 8_000_000n))
  const page = words((await ask('/cache/key?key=large')).text)
  expect(page).toContain('[a bigint of 8000001 bits] -0x1000')
  expect(page).toContain('First 20,000 characters.')
  const data = JSON.parse((await ask('/cache/api/key?key=large')).text)
  expect(data.value).toMatchObject({ kind: 'shown', isWhole: false })
})
