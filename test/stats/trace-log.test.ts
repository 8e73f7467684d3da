import { expect, test } from 'vitest'
import { CacheKey } from '../../src/key/cache-key.js'
import { TraceLog } from '../../src/stats/trace-log.js'

const key = (text: string) => CacheKey.from(text)

test('what is being told is known until it has arrived', () => {
  const log = new TraceLog(() => {})
  log.written(key('a'), performance.now(), 1_000)
  expect([...log.take().keys()]).toEqual(['a'])
  expect(log.isEmpty).toBe(true)
  expect(log.of('a')?.kind).toBe('written')
  log.deleted(key('a'), false)
  expect(log.of('a')?.kind).toBe('deleted')
  log.take()
  log.told()
  expect(log.of('a')).toBeUndefined()
})

test('the newest of each key is told, and of too many keys the last', () => {
  let woken = 0
  const log = new TraceLog(() => woken++)
  log.written(key('first'), 0, 1_000)
  for (let i = 0; i < 1_500; i++) log.deleted(key(`b::${i}`), true)
  log.fenced(key('b::1499'))
  log.cleared()
  const told = log.take()
  expect(woken).toBe(1)
  expect(told.size).toBe(1_000)
  expect(told.has('first')).toBe(false)
  expect(told.get('b::1499')?.kind).toBe('fenced')
  expect(told.get('{b::1499}')?.kind).toBe('deleted')
  expect([...told.keys()].at(-1)).toBe('{}')
})

test('what was written stands from the beginning of the write on', () => {
  const log = new TraceLog(() => {})
  const left = performance.now() - 100
  log.written(key('a'), left, 5_000)
  const { at, until } = log.of('a') ?? {}
  expect(until).toBe(left + 5_000)
  expect(at).toBeGreaterThanOrEqual(left + 100)
})
