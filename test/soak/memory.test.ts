import express from 'express'
import { expect, it } from 'vitest'
import { keyedCache } from '../../src/express/middleware.js'
import { serve } from '../helpers/http.js'
import { usedHeap } from '../helpers/memory.js'

const REQUESTS = process.env.SOAK ? 500_000 : 50_000

it(`leaves nothing behind: memory stays flat over ${REQUESTS} requests`, async () => {
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
