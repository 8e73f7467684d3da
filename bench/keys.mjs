// Measures the pages of keys, by the number of keys. `npm run keys`, about a minute and a half.
import { openKeyspace } from './lib/keyspace.mjs'
import { median, takeTurns, time } from './lib/rounds.mjs'
import { count, machine, table } from './lib/table.mjs'

const SIZES = [1_000, 100_000, 1_000_000]
const ROUNDS = 40
const SEARCHES = 3

const spaces = {}
for (const size of SIZES) spaces[size] = await openKeyspace(size)

const rows = (html) => html.match(/<th scope="row" class="key">/g)?.length ?? 0
const nextOf = (html) => /rel="next" href="\.([^"]*)"/.exec(html)[1].replaceAll('&amp;', '&')

async function pages({ fetchPage }) {
  let html
  const first = await time(async () => {
    html = await fetchPage('/keys')
  })
  const second = await time(async () => {
    html = await fetchPage(nextOf(html))
  })
  if (rows(html) < 100) throw new Error(`The second page holds ${rows(html)} rows.`)
  const tree = await time(() => fetchPage('/keys?under=product'))
  const search = await time(() => fetchPage('/keys?q=nowhere'))
  const preview = await time(() => fetchPage('/delete?key=product&children=yes&preview=yes'))
  return { first, second, tree, search, preview }
}

async function fullSearch({ fetchStreamed }) {
  const { text, first, all } = await fetchStreamed('/keys?q=needle&whole=yes', 'class="progress"')
  if (rows(text) !== 1) throw new Error(`The search has found ${rows(text)} keys.`)
  return { first, all, told: text.match(/class="progress"/g).length }
}

await takeTurns(spaces, 10, pages)
const looks = await takeTurns(spaces, ROUNDS, pages)
await takeTurns(spaces, 1, fullSearch)
const searches = await takeTurns(spaces, SEARCHES, fullSearch)

console.log(machine())
const heads = SIZES.map((size) => `${count(size)} keys`)
const medians = (results, figure) =>
  SIZES.map((size) => count(median(results[size].map((round) => round[figure]))))
table(
  `Median ms of ${ROUNDS} rounds, as many names of strangers beside`,
  ['page', ...heads],
  [
    ['the first page of keys', ...medians(looks, 'first')],
    ['the next', ...medians(looks, 'second')],
    ['the first below a key', ...medians(looks, 'tree')],
    ['one page of a search that finds nothing', ...medians(looks, 'search')],
    ['preview of a delete with children', ...medians(looks, 'preview')],
  ],
)
table(
  `Full search, median of ${SEARCHES}`,
  ['', ...heads],
  [
    ['first progress, ms', ...medians(searches, 'first')],
    ['everything, ms', ...medians(searches, 'all')],
    ['progress told, times', ...medians(searches, 'told')],
  ],
)
const scans = await Promise.all(
  SIZES.map(async (size) => {
    const stats = await spaces[size].client.info('commandstats')
    const [, calls, , mean] = /cmdstat_scan:calls=(\d+),usec=(\d+),usec_per_call=([\d.]+)/.exec(stats)
    return { calls: count(Number(calls)), mean: count(Number(mean)) }
  }),
)
table(
  'What that is for Redis',
  ['', ...heads],
  [
    ['`SCAN`s in all', ...scans.map(({ calls }) => calls)],
    ['mean µs of one, by the server’s own clock', ...scans.map(({ mean }) => mean)],
  ],
)
for (const size of SIZES) await spaces[size].stop()
process.exit()
