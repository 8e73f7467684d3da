import { SECRET_BYTES, type Store } from '../store/store.js'
import { expect } from './expect.js'
import { entry, key, ORIGIN } from './samples.js'
import { test } from './suite.js'

/** Checks of `Store.secret`, which is optional. */
export function describeSecret(opened: () => { readonly store: Store; readonly other: Store }): void {
  const secretOf = async ({ secret }: Store, store: Store) => (await secret?.call(store))?.toString('hex')
  const secrets = () => {
    const { store, other } = opened()
    return Promise.all([store, other, store, other].map((one) => secretOf(one, one)))
  }

  test('is the same for all concurrent and later callers', async () => {
    if (opened().store.secret === undefined) return
    const returned = new Set([...(await secrets()), ...(await secrets())])
    expect(returned.size).toBe(1)
    expect([...returned][0]).toHaveLength(SECRET_BYTES * 2)
  })

  test('survives a clear, and is not listed', async () => {
    const { store } = opened()
    const before = await secrets()
    await store.write(key('a'), entry('a'))
    await store.clear(ORIGIN)
    expect(await secrets()).toEqual(before)
    expect((await store.list({ scan: 10_000 })).entries).toEqual([])
  })
}
