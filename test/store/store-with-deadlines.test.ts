import { describe, expect, test, vi } from 'vitest'
import { ignore } from '../../src/background.js'
import { CacheNotRespondingError } from '../../src/errors.js'
import { MemoryStore } from '../../src/store/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { storeWithDeadlines } from '../../src/store/store-with-deadlines.js'
import { wrapStore } from '../../src/store/wrap-store.js'
import { key } from './redis-stores.js'

const TIMEOUT_MS = 60

/** A store of an application, of which one can say how it fails, and the operations that reached it. */
function fallible() {
  const state = {
    fails: undefined as undefined | (() => Promise<never>),
    reached: [] as string[],
  }
  const store = wrapStore(new MemoryStore(), async (operation, proceed) => {
    state.reached.push(operation)
    return await (state.fails ? state.fails() : proceed())
  })
  return { store: storeWithDeadlines(store, TIMEOUT_MS), state }
}

const hang = () => new Promise<never>(() => {})

const stateOf = ({ health }: Store) => health?.breakers[0]?.state

async function opened() {
  const { store, state } = fallible()
  state.fails = hang
  // More than three where this process itself was late.
  while (stateOf(store) === 'closed') await store.read(key('a')).catch(ignore)
  expect(state.reached.length).toBeGreaterThanOrEqual(3)
  state.reached.length = 0
  return { store, state }
}

describe('The circuit breaker of a store of the application', () => {
  test('opens after three operations without an answer; then only probes reach the store', async () => {
    const { store, state } = await opened()
    const results = await Promise.allSettled(Array.from({ length: 100 }, () => store.read(key('a'))))
    for (const { reason } of results as PromiseRejectedResult[]) {
      expect(reason).toBeInstanceOf(CacheNotRespondingError)
      expect(reason).toMatchObject({
        message: expect.stringContaining('fail at once'),
        cause: { code: reason.code },
      })
    }
    expect(state.reached.filter((operation) => operation !== 'check')).toEqual([])
    await store.close()
  })

  test('is closed by a probe in the background, without any call', async () => {
    const { store, state } = await opened()
    state.fails = undefined
    await vi.waitFor(() => expect(stateOf(store)).toBe('closed'), { timeout: 5_000, interval: 5 })
    expect(state.reached).not.toContain('read')
    await store.read(key('a'))
    await store.close()
  })

  test('is passed by a check, which closes it at once', async () => {
    const { store, state } = await opened()
    await expect(store.check()).rejects.toThrow(/no answer in time/)
    state.fails = undefined
    await store.check()
    await store.read(key('a'))
    await store.close()
  })

  test('closes when a late answer arrives, before the next probe is due', async () => {
    const { store, state } = fallible()
    const pending: (() => void)[] = []
    state.fails = () => new Promise((_, reject) => pending.push(() => reject(new Error('late'))))
    while (stateOf(store) === 'closed') await store.read(key('a')).catch(ignore)
    // The next one comes a second later.
    const probes = () => state.reached.filter((operation) => operation === 'check').length
    await vi.waitFor(() => expect(probes()).toBe(5), { timeout: 10_000, interval: 5 })
    await new Promise((resolve) => setTimeout(resolve, 2 * TIMEOUT_MS))
    state.fails = undefined
    for (const settle of pending) settle()
    await vi.waitFor(() => expect(stateOf(store)).toBe('closed'), { timeout: 500, interval: 1 })
    await store.close()
  })

  test.each([
    ['that it is not responding', new CacheNotRespondingError('down')],
    ['anything else', new Error('syntax error')],
  ])('stays closed where the store says at once %s', async (_, error) => {
    const { store, state } = fallible()
    state.fails = () => Promise.reject(error)
    for (let time = 0; time < 20; time++)
      await expect(store.read(key('a'))).rejects.toThrow(CacheNotRespondingError)
    expect(stateOf(store)).toBe('closed')
    state.fails = undefined
    await store.read(key('a'))
    await store.close()
  })

  test('stays closed while this process is busy', async () => {
    const { store, state } = fallible()
    state.fails = async () => {
      const until = performance.now() + 2 * TIMEOUT_MS
      while (performance.now() < until);
      await new Promise((resolve) => setTimeout(resolve, 4 * TIMEOUT_MS))
      throw new Error('syntax error')
    }
    for (let time = 0; time < 5; time++) await store.read(key('a')).catch(ignore)
    expect(stateOf(store)).toBe('closed')
    await store.close()
  })

  test('ends with the store: no probe follows', async () => {
    const { store, state } = await opened()
    await store.close()
    state.reached.length = 0
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(state.reached).toEqual([])
  })
})
