import { describe, expect, test } from 'vitest'
import type { Store } from '../../src/store/store.js'
import { eventually, expect as neutral } from '../../src/testing/expect.js'
import { afterEach, beforeEach, test as check, checksOf, describe as group } from '../../src/testing/suite.js'
import { embeddedStore, storeChecks } from '../../src/testing.js'

/** How many of the checks whose names begin like this an embedded store fails that was changed. */
async function failures(beginning: string, change: (store: Store) => Partial<Store>): Promise<number> {
  const checks = storeChecks(async () => {
    const store = embeddedStore()
    Object.assign(store, change(store))
    return { store, other: store, close: () => store.close() }
  })
  const outcomes = checks
    .filter(({ name }) => name.startsWith(beginning))
    .map(async ({ run }) => {
      try {
        await run()
        return 0
      } catch {
        return 1
      }
    })
  expect(outcomes.length).toBeGreaterThan(0)
  return (await Promise.all(outcomes)).filter((outcome) => outcome === 1).length
}

describe('The checks of a store', () => {
  test.each<[string, string, (store: Store) => Partial<Store>]>([
    ['keeps what is removed', 'remove: removes one key', () => ({ remove: async () => true })],
    [
      'takes every fill',
      'fills: refuses a fill after a delete by',
      (store) => {
        const write = store.write.bind(store)
        return { write: (key, entry) => write(key, entry) }
      },
    ],
    [
      'fences nobody',
      'leases: ',
      (store) => {
        const write = store.write.bind(store)
        return { commit: (key, _token, entry) => write(key, entry) }
      },
    ],
    [
      'lists nothing',
      'peek and list: lists live keys',
      () => ({ list: async () => ({ entries: [], cursor: undefined, scanned: 0, total: 0 }) }),
    ],
  ])('find a store that %s', async (_, beginning, change) => {
    expect(await failures(beginning, () => ({}))).toBe(0)
    expect(await failures(beginning, change)).toBeGreaterThan(0)
  })

  test('pass for a store without the optional secret', async () => {
    expect(await failures('a secret', () => ({ secret: undefined }) as never)).toBe(0)
  })

  test('have unique names', () => {
    const names = storeChecks(() => Promise.reject(new Error('not opened'))).map(({ name }) => name)
    expect(names.length).toBeGreaterThan(100)
    expect(new Set(names).size).toBe(names.length)
  })

  test('run their steps in order, and the final ones after a failure too', async () => {
    const steps: string[] = []
    const [passing, failing] = checksOf(() => {
      beforeEach(() => steps.push('open'))
      afterEach(() => steps.push('close'))
      group('inner', () => {
        // biome-ignore lint/suspicious/noDuplicateTestHooks: these are not Vitest's.
        beforeEach(() => steps.push('fill'))
        check('passes', () => steps.push('pass'))
        check('fails', () => Promise.reject(new Error('broken')))
      })
    })
    await passing?.run()
    await expect(failing?.run()).rejects.toThrow('broken')
    expect(passing?.name).toBe('inner: passes')
    expect(steps).toEqual(['open', 'fill', 'pass', 'close', 'open', 'fill', 'close'])
  })
})

describe('A claim of the checks', () => {
  const same = { a: 1, b: [Buffer.from('x'), undefined], c: undefined }
  test.each<[string, () => unknown, () => unknown]>([
    ['toBe', () => neutral(1).toBe(1), () => neutral(1).toBe('1')],
    [
      'toEqual',
      () => neutral(same).toEqual({ a: 1, b: [Buffer.from('x'), undefined] }),
      () => neutral([1]).toEqual([2]),
    ],
    [
      'toMatchObject',
      () => neutral(same).toMatchObject({ a: 1 }),
      () => neutral({ a: { b: 1 } }).toMatchObject({ a: { b: 2 } }),
    ],
    ['toBeNull', () => neutral(null).toBeNull(), () => neutral(undefined).toBeNull()],
    ['toBeUndefined', () => neutral(undefined).toBeUndefined(), () => neutral(null).toBeUndefined()],
    ['toHaveLength', () => neutral([1]).toHaveLength(1), () => neutral([]).toHaveLength(1)],
    ['toBeGreaterThan', () => neutral(2).toBeGreaterThan(1), () => neutral(1).toBeGreaterThan(1)],
    [
      'toBeGreaterThanOrEqual',
      () => neutral(1).toBeGreaterThanOrEqual(1),
      () => neutral(undefined).toBeGreaterThanOrEqual(1),
    ],
    ['toBeLessThan', () => neutral(0).toBeLessThan(1), () => neutral(1).toBeLessThan(1)],
    ['toBeLessThanOrEqual', () => neutral(1).toBeLessThanOrEqual(1), () => neutral(2).toBeLessThanOrEqual(1)],
    ['not.toEqual', () => neutral([1]).not.toEqual([2]), () => neutral([1]).not.toEqual([1])],
    [
      'not.toMatchObject',
      () => neutral({}).not.toMatchObject({ a: 1 }),
      () => neutral({ a: 1, b: 2 }).not.toMatchObject({ a: 1 }),
    ],
    ['not.toContain', () => neutral('abc').not.toContain('x'), () => neutral('abc').not.toContain('b')],
    [
      'rejects.toThrow',
      () => neutral(Promise.reject(new TypeError())).rejects.toThrow(TypeError),
      () => neutral(Promise.resolve()).rejects.toThrow(TypeError),
    ],
    [
      'resolves.toBeUndefined',
      () => neutral(Promise.resolve()).resolves.toBeUndefined(),
      () => neutral(Promise.resolve(1)).resolves.toBeUndefined(),
    ],
    ['eventually', () => eventually(() => {}), () => eventually(() => neutral(1).toBe(2), { timeout: 1 })],
  ])('%s passes for a right value, and fails for a wrong one', async (_, holds, fails) => {
    await holds()
    await expect((async () => await fails())()).rejects.toMatchObject({ name: 'AssertionError' })
  })
})
