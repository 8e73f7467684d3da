import { expect, test } from 'vitest'
import { CacheKey } from '../../src/key/cache-key.js'
import { KeyHistoryLog } from '../../src/stats/key-history-log.js'

const key = (text: string) => CacheKey.from(text)

test('a change that is being reported is known until the report is confirmed', () => {
  const log = new KeyHistoryLog(() => {})
  log.written(key('a'), performance.now(), 1_000)
  expect([...log.take().keys()]).toEqual(['a'])
  expect(log.isEmpty).toBe(true)
  expect(log.of('a')?.kind).toBe('written')
  log.deleted(key('a'), false)
  expect(log.of('a')?.kind).toBe('deleted')
  log.take()
  log.confirmed()
  expect(log.of('a')).toBeUndefined()
})

test('the newest change of each key is reported, and of too many keys the last ones', () => {
  let woken = 0
  const log = new KeyHistoryLog(() => woken++)
  log.written(key('first'), 0, 1_000)
  for (let i = 0; i < 1_500; i++) log.deleted(key(`b::${i}`), true)
  log.fenced(key('b::1499'))
  log.cleared()
  const changes = log.take()
  expect(woken).toBe(1)
  expect(changes.size).toBe(1_000)
  expect(changes.has('first')).toBe(false)
  expect(changes.get('b::1499')?.kind).toBe('fenced')
  expect(changes.get('{b::1499}')?.kind).toBe('deleted')
  expect([...changes.keys()].at(-1)).toBe('{}')
})

test('the life of a written value begins with its write', () => {
  const log = new KeyHistoryLog(() => {})
  const startedAt = performance.now() - 100
  log.written(key('a'), startedAt, 5_000)
  const { at, until } = log.of('a') ?? {}
  expect(until).toBe(startedAt + 5_000)
  expect(at).toBeGreaterThanOrEqual(startedAt + 100)
})
