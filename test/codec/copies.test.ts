import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Payload, serializeValue } from '../../src/codec/codec.js'
import { copiesOf } from '../../src/codec/copies.js'
import { same } from './same.js'

/** An object that two values share. */
function sharedBy(one: unknown, other: unknown): object | undefined {
  const met = new Set<object>()
  const collect = (value: unknown) => {
    if (typeof value !== 'object' || value === null || met.has(value)) return
    met.add(value)
    for (const part of partsOf(value)) collect(part)
  }
  collect(one)
  const seen = new Set<object>()
  const find = (value: unknown): object | undefined => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return undefined
    if (met.has(value)) return value
    seen.add(value)
    for (const part of partsOf(value)) {
      const found = find(part)
      if (found) return found
    }
    return undefined
  }
  return find(other)
}

function partsOf(value: object): unknown[] {
  if (value instanceof Map) return [...value.keys(), ...value.values()]
  if (value instanceof Set) return [...value]
  return ArrayBuffer.isView(value) ? [value.buffer] : Object.values(value)
}

const nested = (levels: number) => {
  let value: unknown = 'deep'
  for (let i = 0; i < levels; i++) value = i % 2 ? { value } : [value]
  return value
}

describe('Copies of a value', () => {
  test('equal the value, and share no memory', () => {
    const values = fc.oneof(
      fc.jsonValue(),
      fc.anything({
        withDate: true,
        withMap: true,
        withSet: true,
        withTypedArray: true,
        withBigInt: true,
        withSparseArray: true,
      }),
    )
    fc.assert(
      fc.property(values, (value) => {
        const copies = copiesOf(serializeValue(value))
        const [one, other] = [copies.next(), copies.next()]
        expect(same(one, value)).toBe(true)
        expect(same(other, value)).toBe(true)
        expect(sharedBy(one, other)).toBeUndefined()
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([
    ['an own __proto__', JSON.parse('{"__proto__": {"polluted": {"deep": true}}, "constructor": {"a": 1}}')],
    ['the deepest', nested(990)],
    ['index names', { 2: 'b', 1: 'a', x: { 7: [] } }],
  ])('are right for %s', (_, value) => {
    const copies = copiesOf(serializeValue(value))
    expect(same(copies.next(), value)).toBe(true)
    expect(same(copies.next(), value)).toBe(true)
    expect(sharedBy(copies.next(), copies.next())).toBeUndefined()
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('ignore properties that were added to Object.prototype', () => {
    const copies = copiesOf(serializeValue({ own: { a: 1 } }))
    Object.defineProperty(Object.prototype, 'foreign', {
      value: { b: 2 },
      enumerable: true,
      configurable: true,
    })
    const names = Object.keys(copies.next() as object)
    Reflect.deleteProperty(Object.prototype, 'foreign')
    expect(names).toEqual(['own'])
  })

  test('are decoded again when the value is nested too deeply to be copied', () => {
    const text = `${'['.repeat(3_000)}${']'.repeat(3_000)}`
    const payload: Payload = { ...serializeValue([{}]), bytes: Buffer.from(text) }
    const copies = copiesOf(payload)
    expect(JSON.stringify(copies.next())).toBe(text)
    expect(sharedBy(copies.next(), copies.next())).toBeUndefined()
  })

  test('neither retain the bytes that they were read from, nor depend on them', () => {
    for (const value of [{ a: [1] }, { at: new Date(5) }]) {
      const { bytes, format } = serializeValue(value)
      const reply = Buffer.concat([Buffer.alloc(1_000_000), bytes])
      const view = reply.subarray(1_000_000)
      const copies = copiesOf({ bytes: view, format })
      view.fill(0)
      expect(copies.next()).toEqual(value)
      expect(copies.bytes).toBeLessThan(1_000)
    }
  })

  test('have a memory estimate close to their size', () => {
    const measured = (value: unknown) => copiesOf(serializeValue(value)).bytes
    // Little text, much memory.
    expect(measured(Array.from({ length: 100 }, () => ({})))).toBeGreaterThan(6_000)
    expect(measured({ text: 'x'.repeat(200) })).toBeGreaterThan(200)
    expect(measured({ at: new Date(), text: 'x'.repeat(5_000) })).toBeGreaterThan(5_000)
  })
})
