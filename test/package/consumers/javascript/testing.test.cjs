const assert = require('node:assert/strict')
const { afterEach, describe, mock, test } = require('node:test')
const { createCache } = require('keyedcache')
const { createTestCache, embeddedStore, resetCaches, storeChecks } = require('keyedcache/testing')

describe('An application under test', () => {
  // Closed by nobody: the process ends all the same.
  const own = createCache({ store: 'memory' })
  const cache = createTestCache()
  afterEach(async () => {
    mock.timers.reset()
    await resetCaches()
  })

  test('leaves something in its cache', async () => {
    await own.set('a', 1)
    await cache.set('a', 1)
  })

  test('finds it empty in the next test', async () => {
    assert.equal(await own.get('a'), undefined)
    assert.equal(await cache.get('a'), undefined)
  })

  test('goes by a faked clock', async () => {
    mock.timers.enable({ apis: ['Date', 'setTimeout'] })
    await cache.set('a', 1, { ttl: '1m' })
    mock.timers.tick(61_000)
    assert.equal(await cache.get('a'), undefined)
  })
})

describe('A store of its own', () => {
  const open = async () => {
    const store = embeddedStore()
    return { store, other: store, close: () => store.close() }
  }
  for (const { name, run } of storeChecks(open)) test(name, run)
})
