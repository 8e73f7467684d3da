import express from 'express'
import { expect, test } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { keyedCache } from '../../src/express/middleware.js'
import { serve } from '../helpers/http.js'
import { usedHeap } from '../helpers/memory.js'

const REQUESTS = process.env.SOAK ? 500_000 : 20_000

test(`leaks nothing: memory stays flat over ${REQUESTS} requests`, async () => {
  const handler = keyedCache({ store: 'memory', dashboard: false })
  const { cache } = handler
  const app = express()
  app.use(handler)
  app.get('/:id', async (req, res) => {
    await cache.get('a')
    const row = ['row', req.params.id]
    if ((await req.cache.get(row)) === undefined) await req.cache.set(row, 'x'.repeat(1_000))
    res.end()
  })
  const server = await serve(app)
  const round = async (requests: number) => {
    let left = requests
    const client = async () => {
      while (left-- > 0) await server.ask(`/${left % 500}`)
    }
    await Promise.all(Array.from({ length: 50 }, client))
    return usedHeap()
  }
  await round(10_000)
  const before = await round(5_000)
  const after = await round(REQUESTS)
  await server.close()
  // A leak of as little as a hundred bytes a request would show.
  expect(after - before).toBeLessThan(REQUESTS * 60)
}, 600_000)

const ROUNDS = process.env.SOAK ? 20_000 : 3_000

test(`a factory that starts its own next run retains nothing of earlier runs: ${ROUNDS} runs`, async () => {
  const cache = createCache({ store: 'memory' })
  let run = 0
  const runs = (last: number) =>
    new Promise<void>((resolve) => {
      const next = () => {
        if (++run >= last) return resolve()
        const factory = () => {
          setImmediate(next)
          return 'x'.repeat(20_000)
        }
        void cache.getOrSet(['k', run % 3], factory, { ttl: 0.001 }).then(() => cache.clear())
      }
      next()
    })
  await runs(500)
  const before = usedHeap()
  await runs(500 + ROUNDS)
  expect(usedHeap() - before).toBeLessThan(ROUNDS * 1_000)
  await cache.close()
}, 600_000)
