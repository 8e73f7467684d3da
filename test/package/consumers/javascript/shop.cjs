const express = require('express')
const { createCache, keyedCache, NotCachedError } = require('keyedcache')

const cached = keyedCache({ store: 'memory', dashboard: { isStaff: () => true } })
const app = express()
app.use(cached)
app.get('/n', async (req, res) => {
  await req.cache.set(['n', 1], 42)
  res.json(await req.cache.get({ n: 1 }))
})
const server = app.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`
  const n = await (await fetch(`${url}/n`)).json()
  const page = await fetch(`${url}/cache/`)
  const dashboard = `${page.status} ${page.headers.get('content-type')} ${/<\/html>/.test(await page.text())}`
  const cache = createCache({ store: 'memory' })
  const error = await cache.getOrThrow('nothing').catch((error) => error)
  console.log(JSON.stringify({ n, dashboard, notCached: error instanceof NotCachedError && error.key }))
  // The process ends by itself.
  server.close()
  server.closeAllConnections()
})
