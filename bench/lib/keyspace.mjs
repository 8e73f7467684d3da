import { once } from 'node:events'
import express from 'express'
import { Redis } from 'ioredis'
import { keyedCache } from '../../dist/index.mjs'
import { startRedis } from './redis.mjs'

/** Copies one entry as the cache has written it, each copy with a foreign name beside it. */
const COPY = `
local frame = redis.call('GET', KEYS[1])
for i = ARGV[1], ARGV[2] do
  redis.call('SET', KEYS[1] .. i, frame, 'PX', 3600000)
  redis.call('SET', 'stranger:' .. i, 'x')
end`

/** Starts a redis-server with `size` keys among as many foreign names, and a dashboard over it. */
export async function openKeyspace(size) {
  const redis = await startRedis()
  const client = new Redis(redis.url)
  const handler = keyedCache({ redis: redis.url, keyPrefix: 'shop', ttl: 3600, timeouts: { store: '10s' } })
  await handler.cache.setMany([
    ['product::1', { id: 1, name: 'Ergonomic chair', price: 313.37 }],
    ['other::needle', 1],
  ])
  for (let from = 1; from <= size; from += 10_000) {
    await client.eval(COPY, 1, 'shop:product::1', from, Math.min(size, from + 9_999))
  }
  await client.call('SLOWLOG', 'RESET')
  const app = express()
  app.use((req, _res, next) => {
    req.user = { is_staff: true }
    next()
  })
  app.use(handler)
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const site = `http://127.0.0.1:${server.address().port}/cache`

  return {
    client,
    async fetchPage(path) {
      const answer = await fetch(site + path)
      if (answer.status !== 200) throw new Error(`${path} was answered with ${answer.status}`)
      return answer.text()
    },
    /** Fetches a page that is sent in parts, with the time at which the wanted text arrived. */
    async fetchStreamed(path, wanted) {
      const start = performance.now()
      const answer = await fetch(site + path)
      let text = ''
      let first
      for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
        text += piece
        if (first === undefined && text.includes(wanted)) first = performance.now() - start
      }
      return { text, first, all: performance.now() - start }
    },
    async stop() {
      server.closeAllConnections()
      server.close()
      await handler.close()
      client.disconnect()
      await redis.stop()
    },
  }
}
