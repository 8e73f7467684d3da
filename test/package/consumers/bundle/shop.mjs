import { existsSync } from 'node:fs'
import { join } from 'node:path'
import express from 'express'
import { createCache, keyedCache } from 'keyedcache'

/** Where the application was started: a bundle may not know its own file. */
const views = join(process.cwd(), 'views')
const hasDashboard = process.argv[2] !== 'without'
const isStaff = () => true
const dashboard = hasDashboard && (existsSync(views) ? { isStaff, views } : { isStaff })

const app = express()
app.use(keyedCache({ store: 'memory', dashboard }))
app.get('/n', async (req, res) => res.json(await req.cache.getOrSet(['n', 1], () => 42)))
app.use((error, _req, res, _next) => res.status(500).send(error.message))
const server = app.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`
  const n = await (await fetch(`${url}/n`)).json()
  const page = await fetch(`${url}/cache/`)
  const text = await page.text()
  const style = await fetch(`${url}/cache/assets/dashboard.css`)
  const redis = createCache({ redis: 'redis://127.0.0.1:1', keyPrefix: 'bundle', logger: { warn() {} } })
  const down = await redis.get('a')
  await redis.close()
  const title = /<title>([^<]*)/.exec(text)?.[1] ?? text.trim().slice(0, 300)
  console.log(JSON.stringify({ n, page: page.status, title, style: style.status, down: down === undefined }))
  server.close()
  server.closeAllConnections()
})
