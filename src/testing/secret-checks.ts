import { SECRET_BYTES, type Store } from '../store/store.js'
import { expect } from './expect.js'
import { entry, key, ORIGIN } from './samples.js'
import { test } from './suite.js'

/** What a store promises that keeps a secret. */
export function describeSecret(opened: () => { readonly store: Store; readonly other: Store }): void {
  const secretOf = async ({ secret }: Store, store: Store) => (await secret?.call(store))?.toString('hex')
  const secrets = () => {
    const { store, other } = opened()
    return Promise.all([store, other, store, other].map((one) => secretOf(one, one)))
  }

  test('keeps a secret that all who ask at once are told alike, and later too', async () => {
    const told = new Set([...(await secrets()), ...(await secrets())])
    expect(told.size).toBe(1)
    expect([...told][0]).toHaveLength(SECRET_BYTES * 2)
  })

  test('keeps it when everything is cleared, and lists it nowhere', async () => {
    const { store } = opened()
    const before = await secrets()
    await store.write(key('a'), entry('a'))
    await store.clear(ORIGIN)
    expect(await secrets()).toEqual(before)
    expect((await store.list({ scan: 10_000 })).entries).toEqual([])
  })
}
