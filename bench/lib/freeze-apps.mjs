// The applications that a frozen Redis affects, or does not, in a process of their own.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { keyedCache } from '../../dist/index.mjs'
import { VALUE } from './value.mjs'

/** Starts the process. Returns the URL of each app, to which a number is added. */
export async function startFreezeApps(redisUrl) {
  const child = fork(fileURLToPath(import.meta.url), [redisUrl], {
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const [urls] = await once(child, 'message')
  return { urls, stop: () => child.disconnect() }
}

async function serve(redisUrl) {
  const options = { redis: redisUrl, keyPrefix: 'bench', logger: { warn() {} } }
  const apps = {
    'no cache': (app) => app.get('/:id', (_, res) => res.json({ value: VALUE, isHit: false })),
    keyedcache: (app) =>
      app.use(keyedCache(options)).get('/:id', async (req, res) => {
        let isHit = true
        const value = await req.cache.getOrSet(['product', req.params.id], () => {
          isHit = false
          return VALUE
        })
        res.json({ value, isHit })
      }),
  }
  const urls = {}
  for (const [name, setUp] of Object.entries(apps)) {
    const app = express()
    setUp(app)
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    urls[name] = `http://127.0.0.1:${server.address().port}/`
  }
  process.send(urls)
  process.once('disconnect', () => process.exit())
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(process.argv[2])
