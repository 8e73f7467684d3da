import express from 'express'
import { keyedCache, NotCachedError } from 'keyedcache'
import { closeCaches, createTestCache, resetCaches } from 'keyedcache/testing'
import { afterAll, afterEach, expect, test, vi } from 'vitest'

afterEach(resetCaches)
afterAll(closeCaches)

test('values come back, and expire by a faked clock', async () => {
  vi.useFakeTimers()
  const cache = createTestCache()
  await cache.set('a', { when: new Date(0), tags: new Set(['x']) }, { ttl: '1m' })
  expect(await cache.get('a')).toEqual({ when: new Date(0), tags: new Set(['x']) })
  expect(await cache.getOrSet('b', () => 2)).toBe(2)
  vi.advanceTimersByTime(61_000)
  await expect(cache.getOrThrow('a')).rejects.toThrow(NotCachedError)
  vi.useRealTimers()
})

test.each([
  ['with the dashboard', { isStaff: () => true }, 200],
  ['without it', false, 404],
])('an application answers %s', async (_, dashboard, status) => {
  const handler = keyedCache({ store: 'memory', dashboard })
  const app = express().use(handler)
  app.get('/n', async (req, res) => res.json(await req.cache.getOrSet(['n', 1], () => 42)))
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${server.address().port}`
  expect(await (await fetch(`${url}/n`)).json()).toBe(42)
  const page = await fetch(`${url}/cache/`)
  expect(page.status).toBe(status)
  expect(/<h1>|Cannot GET/.test(await page.text())).toBe(true)
  server.close()
  server.closeAllConnections()
})
