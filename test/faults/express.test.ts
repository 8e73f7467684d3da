import { once } from 'node:events'
import { Agent, createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keyedCache } from '../../src/express/middleware.js'
import { eventually } from '../helpers/alive-time.js'
import { requestOn } from '../helpers/http.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { expectNoEscapes } from './escapes.js'

expectNoEscapes()

const CONNECTIONS = 64
const PRODUCTS = 16

let redis: RedisServer
let server: Server
let handler: ReturnType<typeof keyedCache>
/** The database: prices by product. */
const prices = new Map<string, number>()

beforeEach(async () => {
  redis = await startRedis()
  handler = keyedCache({ redis: redis.url, keyPrefix: 'shop', logger: { warn() {} } })
  const app = express()
  app.use(handler)
  app.get('/products/:id', async (req, res) => {
    const { id } = req.params
    let isHit = true
    const price = await req.cache.getOrSet(['product', id], () => {
      isHit = false
      return prices.get(id) ?? 0
    })
    res.json({ price, isHit })
  })
  app.post('/products/:id', async (req, res) => {
    const { id } = req.params
    const price = (prices.get(id) ?? 0) + 1
    prices.set(id, price)
    await req.cache.delete(['product', id])
    res.json({ price })
  })
  server = createServer(app)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterEach(async () => {
  redis.thaw()
  server.closeAllConnections()
  server.close()
  await handler.close()
  await redis.stop()
})

test('64 connections get no error, and no old price, while Redis freezes and thaws', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const { port } = server.address() as AddressInfo
  const statuses = new Map<number, number>()
  const old: string[] = []
  let served = 0
  let hits = 0
  let isOver = false

  const request = async (method: string, id: string) => {
    const { status, body } = await requestOn({ agent, port, method, path: `/products/${id}` })
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    served++
    return JSON.parse(body) as { price: number; isHit?: boolean }
  }
  const visit = async (visitor: number) => {
    for (let turn = visitor; !isOver; turn++) {
      const id = String(turn % PRODUCTS)
      // What was deleted before the request began must not be in its answer.
      const known = confirmed.get(id) ?? 0
      if (turn % 40 === 0) confirmed.set(id, Math.max(known, (await request('POST', id)).price))
      else {
        const { price, isHit } = await request('GET', id)
        if (price < known) old.push(`${price} after ${known}`)
        if (isHit) hits++
      }
    }
  }
  const confirmed = new Map<string, number>()
  const rounds = async (count: number) => {
    const until = served + count * CONNECTIONS
    await eventually(30_000, async () => expect(served).toBeGreaterThanOrEqual(until))
  }
  const hitAgain = async () => {
    const until = hits + CONNECTIONS
    await eventually(5_000, async () => expect(hits).toBeGreaterThanOrEqual(until))
  }

  const visitors = Array.from({ length: CONNECTIONS }, (_, index) => visit(index))
  try {
    await rounds(10)
    await hitAgain()
    for (let freezes = 0; freezes < 2; freezes++) {
      redis.freeze()
      await rounds(6)
      redis.thaw()
      await hitAgain()
    }
  } finally {
    isOver = true
    await Promise.all(visitors)
    agent.destroy()
  }
  expect([...statuses.keys()]).toEqual([200])
  expect(old).toEqual([])
  await eventually(5_000, async () => expect(handler.cache.pendingInvalidations).toBe(0))
})
