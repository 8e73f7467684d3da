import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createApp } from './app.js'
import { openDatabase } from './database.js'
import { gracefulClose } from './graceful-close.js'
import { announce, HOST, PORT } from './welcome.js'

/** Time after which requests are aborted when the shop stops, in milliseconds. */
const PATIENCE_MS = 10_000

/** Serves the shop from this process until a signal, or the primary process, stops it. */
export async function runShop() {
  const db = openDatabase()
  const { app, caching } = createApp(db)
  const server = createServer(app)
  const closeServer = gracefulClose(server, PATIENCE_MS)

  server.once('error', (error) => {
    const taken = error.code === 'EADDRINUSE'
    const message = taken
      ? `Port ${PORT} is in use. Choose another: PORT=8080 npm run example`
      : error.message
    if (cluster.isWorker) return process.send({ cannotStart: message }, () => process.exit(1))
    console.error(message)
    process.exit(1)
  })
  // A browser keeps its connection, and so its worker. With a new connection for each request it reaches all workers,
  // which is the purpose of the example; a real shop leaves this out.
  if (cluster.isWorker) server.maxRequestsPerSocket = 1
  stopOnSignal(() => stop({ server, closeServer, caching, db }))
  await warmUp(caching.cache)
  server.listen(PORT, HOST, () => {
    const store = caching.cache.storeDescription
    if (cluster.isWorker) process.send({ store })
    else announce({ store, workers: 1 })
  })
}

/** Connects to the store before the first request. Without a store the shop is slower, but open. */
async function warmUp(cache) {
  for (let attempt = 1; attempt <= 10; attempt++) {
    try {
      return await cache.check()
    } catch {
      await sleep(100)
    }
  }
  console.warn(`The cache store (${cache.storeDescription}) does not respond. The shop opens without it.`)
}

async function stop({ server, closeServer, caching, db }) {
  if (server.listening) await closeServer()
  await caching.close()
  db.close()
  process.exit(0)
}

/** Stops the shop at the first signal, or at a message of the primary; a second signal ends the process at once. */
function stopOnSignal(stopShop) {
  let stopping = false
  const begin = () => {
    if (stopping) return
    stopping = true
    stopShop().catch((error) => {
      console.error(error)
      process.exit(1)
    })
  }
  let signals = 0
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      signals++
      if (signals > 1) process.exit(1)
      begin()
    })
  }
  process.on('message', (message) => {
    if (message === 'stop') begin()
  })
}
