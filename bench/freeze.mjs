// Measures the latency of an Express app while Redis is frozen, beside the same app without a cache. `npm run freeze`, half a minute.
import { Agent, get } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { startFreezeApps } from './lib/freeze-apps.mjs'
import { startRedis } from './lib/redis.mjs'
import { machine, table } from './lib/table.mjs'

const CONNECTIONS = 64
/** Between an answer and the next request of a connection, so that the app is busy and not saturated. */
const PAUSE_MS = 50
const WARM_UP_MS = 2_000
const PHASES = [
  ['before', 2_000],
  ['first second of the freeze', 1_000],
  ['rest of the freeze', 4_000],
  ['first second after it', 1_000],
  ['afterwards', 2_000],
]

const redis = await startRedis()
const apps = await startFreezeApps(redis.url)
const results = {}
for (const [name, url] of Object.entries(apps.urls)) results[name] = await measure(url)
apps.stop()
await redis.stop()

console.log(machine())
table(
  `Express 5, one cached value a request; ${CONNECTIONS} connections with a pause of ${PAUSE_MS} ms, Redis frozen for 5 s; p99 in ms`,
  ['', ...PHASES.map(([phase]) => phase), 'answers other than 200', 'hits are back after, ms'],
  Object.entries(results).map(([name, { p99, failures, backAfterMs }]) => [
    name,
    ...PHASES.map(([phase]) => p99[phase].toFixed(1)),
    failures,
    backAfterMs?.toFixed(0) ?? '',
  ]),
)

async function measure(url) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const latencies = Object.fromEntries(PHASES.map(([phase]) => [phase, []]))
  let phase
  let failures = 0
  let thawedAt
  let backAfterMs
  let isOver = false
  const visit = async (visitor) => {
    await pause((visitor * PAUSE_MS) / CONNECTIONS)
    for (let turn = visitor; !isOver; turn++) {
      const begunIn = phase
      const startedAt = performance.now()
      const { status, isHit } = await request(`${url}${turn % 100}`, agent)
      const now = performance.now()
      // By the phase in which it began: what waits for a frozen server ends after it.
      latencies[begunIn]?.push(now - startedAt)
      if (status !== 200) failures++
      if (isHit && thawedAt !== undefined && startedAt >= thawedAt) backAfterMs ??= now - thawedAt
      await pause(PAUSE_MS)
    }
  }
  const visitors = Array.from({ length: CONNECTIONS }, (_, visitor) => visit(visitor))
  await pause(WARM_UP_MS)
  for (const [name, ms] of PHASES) {
    phase = name
    if (name === PHASES[1][0]) redis.freeze()
    if (name === PHASES[3][0]) {
      redis.thaw()
      thawedAt = performance.now()
    }
    await pause(ms)
  }
  isOver = true
  await Promise.all(visitors)
  agent.destroy()
  const p99 = Object.fromEntries(
    Object.entries(latencies).map(([name, all]) => [name, percentile(all, 0.99)]),
  )
  return { p99, failures, backAfterMs }
}

function request(url, agent) {
  return new Promise((resolve, reject) => {
    get(url, { agent }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      resolve({ status: response.statusCode, isHit: response.statusCode === 200 && JSON.parse(text).isHit })
    }).on('error', reject)
  })
}

function percentile(values, share) {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] ?? Number.NaN
}
