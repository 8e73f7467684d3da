// A shop with a dashboard: sends its address, and its maximum memory.
import { once } from 'node:events'
import { createServer } from 'node:http'
import express from 'express'
import { keyedCache } from 'keyedcache'

const app = express()
app.use((req, _res, next) => {
  req.user = { is_staff: true }
  next()
})
app.use(keyedCache(JSON.parse(process.argv[2])))
const server = createServer(app).listen(0, '127.0.0.1')
await once(server, 'listening')

process.on('message', () => {
  globalThis.gc()
  const { heapUsed, rss } = process.memoryUsage()
  process.send({ heapUsed, rss, peak: process.resourceUsage().maxRSS * 1024 })
})
process.on('disconnect', () => process.exit())
process.send({ url: `http://127.0.0.1:${server.address().port}/cache` })
