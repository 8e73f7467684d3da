import { describe, expect, test } from 'vitest'
import type { Write } from '../../src/store/redis/script-calls.js'
import { CONDITION, WRITE } from '../../src/store/redis/scripts/entries.js'
import { CLEAR, REMOVE } from '../../src/store/redis/scripts/invalidations.js'
import { COMMIT } from '../../src/store/redis/scripts/leases.js'
import { WriteOrder } from '../../src/store/redis/write-order.js'
import { WriteQueue } from '../../src/store/redis/write-queue.js'

const write = (name: string, observed = ''): Write => ({
  script: WRITE,
  keys: [name, `lease ${name}`],
  args: ['id', 1, 'frame', 'body', 'events', observed === '' ? CONDITION.none : CONDITION.observed, observed],
})
const remove = (name: string): Write => ({
  script: REMOVE,
  keys: [name, `lease ${name}`],
  args: ['id', 1, 'by', 'events'],
})
const removeTree = (): Write => ({
  script: REMOVE,
  keys: ['parent entry', 'parent lease', 'parent'],
  args: ['id', 1, 'by', 'events'],
})
const clear = (): Write => ({ script: CLEAR, keys: ['top'], args: ['id', 1, 'by', 'events'] })
const commit = (name: string): Write => ({ ...write(name), script: COMMIT })
const many = (name: string, count: number) => Array.from({ length: count }, (_, n) => write(`${name} ${n}`))

function emptied(queue: WriteQueue): Write[] {
  const all: Write[] = []
  while (!queue.isEmpty) {
    const batch = queue.take()
    expect(batch.length).toBeLessThanOrEqual(256)
    all.push(...batch)
  }
  return all
}

describe('Waiting writes', () => {
  test('take turns by the tick of their calls', () => {
    const queue = new WriteQueue()
    const [large, other, single] = [many('large', 20_000), many('other', 300), write('single')]
    queue.add(large)
    queue.take()
    queue.add(other)
    queue.add([single])
    const batch = queue.take()
    expect(batch).toHaveLength(256)
    expect(batch).toContain(single)
    expect(batch.filter((one) => other.includes(one))).toHaveLength(85)
    expect(new Set([...batch, ...emptied(queue)]).size).toBe(20_000 - 256 + 301)
  })

  test('of more ticks than fit in one batch have one turn each', () => {
    const queue = new WriteQueue()
    const ticks = Array.from({ length: 600 }, (_, n) => many(`tick ${n}`, 3))
    for (const tick of ticks) queue.add(tick)
    const all = emptied(queue)
    expect(new Set(all).size).toBe(1_800)
    for (const tick of ticks) expect(all.indexOf(tick[0]!)).toBeLessThan(600)
  })

  test('keep the order of their calls for each name', () => {
    const queue = new WriteQueue()
    queue.add(many('large', 2_000))
    queue.take()
    const [first, second, third] = [remove('large 1999'), write('large 1999'), remove('large 1999')]
    queue.add([write('a'), first])
    queue.take()
    queue.add([second])
    queue.add([third, write('b')])
    const all = emptied(queue).filter(({ keys }) => keys[0] === 'large 1999')
    expect(all).toHaveLength(4)
    expect(all.slice(1)).toEqual([first, second, third])
    expect(all[3]).toBe(third)
  })

  test.each([
    ['a tree', removeTree],
    ['all', clear],
  ])('stay before and after the invalidation of %s', (_, invalidation) => {
    const queue = new WriteQueue()
    const before = [many('a', 500), many('b', 1_000), many('c', 10)]
    for (const tick of before) queue.add(tick)
    queue.take()
    const [barrier, again] = [invalidation(), invalidation()]
    const [sameTick, later, last] = [write('same tick'), write('a 499'), write('last')]
    queue.add([barrier, sameTick])
    queue.add([later])
    queue.add([again])
    queue.add([last])
    const all = emptied(queue)
    expect(all.slice(-5)).toEqual([barrier, sameTick, later, again, last])
    expect(all).toHaveLength(1_510 - 256 + 5)
    // Once it has left, groups take turns again.
    queue.add(many('large', 1_000))
    queue.add([last])
    expect(queue.take()).toContain(last)
  })

  test('are sent after those that end a computation', () => {
    const queue = new WriteQueue()
    const urgent = commit('computed')
    queue.add([...many('large', 1_000), urgent])
    expect(queue.take()[0]).toBe(urgent)
  })
})

describe('A write that is sent again', () => {
  test.each([
    ['a write of its entry', write('a')],
    ['a commit of its entry', commit('a')],
    ['a delete of its entry', remove('a')],
  ])('has no effect after %s', (_, later) => {
    const order = new WriteOrder()
    const [first, fill, other] = [write('a'), write('a', 'basis'), write('b')]
    for (const one of [first, fill]) expect(order.admit(one)).toBe(true)
    order.undo([first, fill])
    order.admit(later)
    expect(order.admit(first)).toBe(false)
    expect(order.admit(fill)).toBe(true)
    expect(order.admit(other)).toBe(true)
  })

  test('takes effect when the writes after it did not run either', () => {
    const order = new WriteOrder()
    const writes = [write('a'), removeTree(), write('a'), removeTree(), write('a')]
    for (const one of writes) order.admit(one)
    order.undo(writes)
    expect(writes.map((one) => order.admit(one))).toEqual([true, true, true, true, true])
    order.undo(writes.slice(0, 2))
    expect(writes.slice(0, 2).map((one) => order.admit(one))).toEqual([false, false])
  })

  test('is treated as overtaken when too many writes were sent after it', () => {
    const order = new WriteOrder(10)
    const [old, recent] = [write('old'), write('recent')]
    order.admit(old)
    for (const one of many('more', 30)) order.admit(one)
    order.admit(recent)
    order.undo([old, recent])
    expect(order.admit(old)).toBe(false)
    expect(order.admit(recent)).toBe(true)
  })
})
