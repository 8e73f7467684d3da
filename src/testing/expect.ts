import { AssertionError } from 'node:assert'
import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'

// As much of the `expect` of Vitest and Jest as the checks need: a store is checked under any test runner.

type Constructor = abstract new (...args: never[]) => unknown

/**
 * @param about what the value belongs to, where several are compared
 * @throws AssertionError by its methods, with both values
 */
export function expect(actual: unknown, about?: string) {
  const assert = (holds: boolean, what: string, expected?: unknown) => {
    if (!holds) fail(`${about === undefined ? '' : `${about}: `}expected ${what}`, actual, expected)
  }
  const compare = (what: string, expected: number, holds: (value: number) => boolean) =>
    assert(typeof actual === 'number' && holds(actual), `a number ${what} ${expected}`, expected)
  return {
    toBe: (expected: unknown) => assert(Object.is(actual, expected), 'the same value', expected),
    toEqual: (expected: unknown) => assert(equals(actual, expected), 'an equal value', expected),
    toMatchObject: (expected: object) => assert(matches(actual, expected), 'a matching object', expected),
    toBeNull: () => assert(actual === null, 'null', null),
    toBeUndefined: () => assert(actual === undefined, 'undefined'),
    toHaveLength: (length: number) =>
      assert((actual as { length?: unknown }).length === length, `a length of ${length}`, length),
    toBeGreaterThan: (limit: number) => compare('above', limit, (value) => value > limit),
    toBeGreaterThanOrEqual: (limit: number) => compare('of at least', limit, (value) => value >= limit),
    toBeLessThan: (limit: number) => compare('below', limit, (value) => value < limit),
    toBeLessThanOrEqual: (limit: number) => compare('of at most', limit, (value) => value <= limit),
    not: {
      toEqual: (expected: unknown) => assert(!equals(actual, expected), 'another value', expected),
      toMatchObject: (expected: object) => assert(!matches(actual, expected), 'no such object', expected),
      toContain: (part: string) => assert(!String(actual).includes(part), `no ${part} in it`, part),
    },
    rejects: {
      async toThrow(type: Constructor) {
        const [outcome] = await Promise.allSettled([actual])
        const error = outcome?.status === 'rejected' ? outcome.reason : undefined
        if (!(error instanceof type)) fail(`expected a rejection with a ${type.name}`, error, type.name)
      },
    },
    resolves: {
      async toBeUndefined() {
        expect(await actual).toBeUndefined()
      },
    },
  }
}

export function fail(message: string, actual?: unknown, expected?: unknown): never {
  throw new AssertionError({ message, actual, expected, operator: 'expect', stackStartFn: fail })
}

/** Repeats an assertion until it holds; after `timeout` milliseconds its failure is final. */
export async function eventually(
  assert: () => unknown,
  { timeout = 2_000, interval = 5 }: { readonly timeout?: number; readonly interval?: number } = {},
): Promise<void> {
  const end = performance.now() + timeout
  for (;;) {
    try {
      await assert()
      return
    } catch (error) {
      if (performance.now() > end) throw error
      await pause(interval)
    }
  }
}

/** Equal in content; a property that is `undefined` is as if left out. */
function equals(actual: unknown, expected: unknown): boolean {
  return isDeepStrictEqual(withoutUndefined(actual), withoutUndefined(expected))
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (!isPlain(value)) return value
  const defined = Object.entries(value).filter(([, property]) => property !== undefined)
  return Object.fromEntries(defined.map(([name, property]) => [name, withoutUndefined(property)]))
}

/** Whether an object has all properties of another, with these values. */
function matches(actual: unknown, expected: unknown): boolean {
  if (!isPlain(expected)) return equals(actual, expected)
  if (typeof actual !== 'object' || actual === null) return false
  return Object.entries(expected).every(([name, value]) =>
    matches((actual as Record<string, unknown>)[name], value),
  )
}

function isPlain(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]'
}
