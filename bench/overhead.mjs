// Measures what statistics and the request log cost a busy server: the same app with and without them. `npm run overhead`, about two minutes.
import { deepStrictEqual } from 'node:assert'
import autocannon from 'autocannon'
import { startOverheadApps } from './lib/overhead-apps.mjs'
import { startRedis } from './lib/redis.mjs'
import { median, medianRatio, takeTurns } from './lib/rounds.mjs'
import { count, machine, table } from './lib/table.mjs'
import { VALUE } from './lib/value.mjs'

const CONNECTIONS = 32
const ROUNDS = 15
const SECONDS = 2
const OFF = 'both off'

const redis = await startRedis()
const apps = await startOverheadApps(redis.url)
for (const url of Object.values(apps.urls)) {
  deepStrictEqual(await (await fetch(url)).json(), [VALUE, VALUE, VALUE, VALUE])
}
await takeTurns(apps.urls, 2, load)
const rounds = await takeTurns(apps.urls, ROUNDS, load)
apps.stop()
await redis.stop()

console.log(machine())
const figures = (name, figure) => rounds[name].map((round) => round[figure])
table(
  `Express 5, three hits from the store and one from request memory a request; ${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS} s in turns, medians`,
  [
    'statistics and request log',
    'requests/s',
    'of those without',
    'CPU of the server, µs a request',
    'of that without',
  ],
  Object.keys(apps.urls).map((name) => [
    name,
    count(median(figures(name, 'perSecond'))),
    percent(medianRatio(figures(name, 'perSecond'), figures(OFF, 'perSecond'))),
    count(median(figures(name, 'cpu'))),
    percent(medianRatio(figures(name, 'cpu'), figures(OFF, 'cpu'))),
  ]),
)

function percent(ratio) {
  return `${(ratio * 100).toFixed(1)} %`
}

async function load(url, name) {
  const before = await apps.cpuTime(name)
  const { requests, duration, errors, non2xx } = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: SECONDS,
  })
  if (errors + non2xx > 0) throw new Error(`${errors} errors, ${non2xx} bad answers from ${url}`)
  return {
    perSecond: requests.total / duration,
    cpu: ((await apps.cpuTime(name)) - before) / requests.total,
  }
}
