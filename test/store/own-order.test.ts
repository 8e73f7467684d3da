import { expect, test } from 'vitest'
import { OwnOrder } from '../../src/store/redis/protocol/own-order.js'
import { key } from './redis-stores.js'

const done = Promise.resolve()

test('a change is covered by later changes of its key and of its ancestors, and by no others', () => {
  const covers: [boolean, (order: OwnOrder) => void][] = [
    [true, (order) => order.cover(key('a::b::c'), false, done)],
    [true, (order) => order.cover(key('a::b::c'), true, done)],
    [true, (order) => order.cover(key('a'), true, done)],
    [true, (order) => order.cover(undefined, true, done)],
    [false, (order) => order.cover(key('a'), false, done)],
    [false, (order) => order.cover(key('a::b::c::d'), true, done)],
    [false, (order) => order.cover(key('a::bc'), true, done)],
    [false, (order) => order.expire(key('a::b::c'), false)],
  ]
  for (const [isCovered, cover] of covers) {
    const order = new OwnOrder()
    const change = order.begin(key('a::b::c'))
    expect(order.coverOf(change)).toBeUndefined()
    cover(order)
    expect(order.coverOf(change) !== undefined, String(cover)).toBe(isCovered)
    expect(order.coverOf(order.begin(key('a::b::c')))).toBeUndefined()
  }
})

test('a change is over by a later soft expiry of its key or of an ancestor with children', () => {
  const expiries: [boolean, (order: OwnOrder) => void][] = [
    [true, (order) => order.expire(key('a::b'), false)],
    [true, (order) => order.expire(key('a'), true)],
    [false, (order) => order.expire(key('a'), false)],
    [false, (order) => order.expire(key('b'), true)],
  ]
  for (const [isOver, expire] of expiries) {
    const order = new OwnOrder()
    const change = order.begin(key('a::b'))
    expire(order)
    expect(order.isOver(change), String(expire)).toBe(isOver)
    expect(order.isOver(order.begin(key('a::b')))).toBe(false)
  }
})

test('an open change is still covered after any number of others', () => {
  const order = new OwnOrder()
  const early = order.begin(key('early'))
  order.cover(key('early'), false, done)
  const late = order.begin(key('early'))
  for (let n = 0; n < 50_000; n++) {
    const other = order.begin(key(['other', n]))
    order.cover(other.key, n % 2 === 0, done, other)
    order.end(other)
  }
  expect(order.coverOf(early)).toBe(done)
  expect(order.coverOf(late)).toBeUndefined()
  order.end(early)
  order.cover(undefined, true, done)
  expect(order.coverOf(late)).toBe(done)
})
