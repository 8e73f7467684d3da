import { once } from 'node:events'
import express from 'express'
import { Redis } from 'ioredis'
import { keyedCache } from '../../dist/index.mjs'
import { startRedis } from './redis.mjs'

/** Has the server copy one entry, byte for byte what the cache has written, and set a name of somebody else's with each. */
const COPY = `
local frame = redis.call('GET', KEYS[1])
for i = ARGV[1], ARGV[2] do
  redis.call('SET', KEYS[1] .. i, frame, 'PX', 3600000)
  redis.call('SET', 'stranger:' .. i, 'x')
end`

/** A redis-server with `size` keys of ours among as many strangers', and a dashboard over it. */
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
    async ask(path) {
      const answer = await fetch(site + path)
      if (answer.status !== 200) throw new Error(`${path} was answered with ${answer.status}`)
      return answer.text()
    },
    /** The same, and when its first rows or progress came. */
    async askInPieces(path, wanted) {
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
