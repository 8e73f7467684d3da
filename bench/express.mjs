// Measures requests per second of a small Express 5 app, beside the same app with plain ioredis. `npm run express`, about a minute and a half.
import { deepStrictEqual } from 'node:assert'
import autocannon from 'autocannon'
import { startApps } from './lib/express-apps.mjs'
import { startRedis } from './lib/redis.mjs'
import { median, takeTurns } from './lib/rounds.mjs'
import { count, machine, table } from './lib/table.mjs'
import { VALUE } from './lib/value.mjs'

const CONNECTIONS = 32
const ROUNDS = 7
const SECONDS = 1.5

const redis = await startRedis()
const apps = await startApps(redis.url)
for (const url of Object.values(apps.urls)) {
  deepStrictEqual(await (await fetch(url)).json(), [VALUE, VALUE, VALUE])
}
await takeTurns(apps.urls, 1, load)
const rounds = await takeTurns(apps.urls, ROUNDS, load)
apps.stop()
await redis.stop()

console.log(machine())
const of = (name, figure) => median(rounds[name].map((round) => round[figure]))
table(
  `Express 5, three cached values a request; ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s in turns, medians`,
  ['', 'requests/s', 'CPU of the server, µs a request', 'latency: median, ms', 'p99, ms'],
  Object.keys(apps.urls).map((name) => [
    name,
    count(of(name, 'perSecond')),
    count(of(name, 'cpu')),
    of(name, 'p50').toFixed(0),
    of(name, 'p99').toFixed(0),
  ]),
)

async function load(url) {
  const before = await apps.cpuTime()
  const { requests, latency, duration, errors, non2xx } = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: SECONDS,
  })
  if (errors + non2xx > 0) throw new Error(`${errors} errors, ${non2xx} bad answers from ${url}`)
  const cpu = ((await apps.cpuTime()) - before) / requests.total
  return { perSecond: requests.total / duration, cpu, p50: latency.p50, p99: latency.p99 }
}
