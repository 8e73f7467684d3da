// The applications under load, in a process of their own, so that the load generator takes none of its time.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { Redis } from 'ioredis'
import { createCache, keyedCache } from '../../dist/index.mjs'
import { VALUE } from './value.mjs'

const KEYS = ['product::1', 'category::2', 'user::3']

/** Starts the process. Returns the URL of each app, and the CPU time of the process so far, in microseconds. */
export async function startApps(redisUrl) {
  const child = fork(fileURLToPath(import.meta.url), [redisUrl], {
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const ask = async (question) => {
    child.send(question)
    const [answer] = await once(child, 'message')
    return answer
  }
  return { urls: await ask('urls'), cpuTime: () => ask('cpu'), stop: () => child.disconnect() }
}

async function serve(redisUrl) {
  const redis = new Redis(redisUrl)
  const cache = createCache({ redis: redisUrl, keyPrefix: 'bench' })
  for (const key of KEYS) {
    await redis.set(key, JSON.stringify(VALUE))
    await cache.set(key, VALUE)
  }
  const get = async (key) => JSON.parse(await redis.get(key))

  const apps = {
    'no cache, no middleware': (app) => app.get('/', (_, res) => res.json([VALUE, VALUE, VALUE])),
    'keyedCache(), no call': (app) =>
      app.use(keyedCache(cache)).get('/', (_, res) => res.json([VALUE, VALUE, VALUE])),
    'ioredis: 3 GETs, one after the other': (app) =>
      app.get('/', async (_, res) => {
        const values = []
        for (const key of KEYS) values.push(await get(key))
        res.json(values)
      }),
    'keyedCache(): 3 gets, one after the other': (app) =>
      app.use(keyedCache(cache)).get('/', async (req, res) => {
        const values = []
        for (const key of KEYS) values.push(await req.cache.get(key))
        res.json(values)
      }),
    'ioredis: 3 GETs at once': (app) =>
      app.get('/', async (_, res) => {
        res.json(await Promise.all(KEYS.map(get)))
      }),
    'keyedCache(): getMany of 3': (app) =>
      app.use(keyedCache(cache)).get('/', async (req, res) => {
        res.json(await req.cache.getMany(KEYS))
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
  process.on('message', (question) => {
    const { user, system } = process.cpuUsage()
    process.send(question === 'urls' ? urls : user + system)
  })
  process.once('disconnect', () => process.exit())
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(process.argv[2])
