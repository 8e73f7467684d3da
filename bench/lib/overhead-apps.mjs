// The same app in one process for each configuration, so that none pays for the work of another.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { createCache, keyedCache } from '../../dist/index.mjs'
import { VALUE } from './value.mjs'

const KEYS = ['product::1', 'category::2', 'user::3']

const WAYS = {
  'both off': { stats: false, requestLog: false },
  'statistics on, request log off': { requestLog: false },
  'both on, as in production: 1 request in 100': {},
  'both on, every request, as in development': { requestLog: true },
}

/** Starts the processes. Returns the URL of each app, and the CPU time of its process so far, in microseconds. */
export async function startOverheadApps(redisUrl) {
  const children = Object.fromEntries(
    Object.entries(WAYS).map(([name, options]) => [
      name,
      fork(fileURLToPath(import.meta.url), [redisUrl, JSON.stringify(options)], {
        env: { ...process.env, NODE_ENV: 'production' },
      }),
    ]),
  )
  const ask = async (name, question) => {
    children[name].send(question)
    const [answer] = await once(children[name], 'message')
    return answer
  }
  const urls = {}
  for (const name of Object.keys(WAYS)) urls[name] = await ask(name, 'url')
  return {
    urls,
    cpuTime: (name) => ask(name, 'cpu'),
    stop: () => {
      for (const child of Object.values(children)) child.disconnect()
    },
  }
}

async function serve(redisUrl, options) {
  const cache = createCache({ redis: redisUrl, keyPrefix: 'bench', ...options })
  for (const key of KEYS) await cache.set(key, VALUE)
  const app = express()
  app.use(keyedCache(cache)).get('/', async (req, res) => {
    const values = await Promise.all(KEYS.map((key) => req.cache.get(key)))
    res.json([...values, await req.cache.get(KEYS[0])])
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${server.address().port}/`
  process.on('message', (question) => {
    const { user, system } = process.cpuUsage()
    process.send(question === 'url' ? url : user + system)
  })
  process.once('disconnect', () => process.exit())
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await serve(process.argv[2], JSON.parse(process.argv[3]))
