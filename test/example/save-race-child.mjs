// One process of the save race: saves a product of its own repeatedly, or reads the products of all writers.
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { CachedObject, createCache } from 'keyedcache'
import { openDatabase } from '../../example-app/database.js'
import { Product } from '../../example-app/product.js'
import { Row } from '../../example-app/row.js'

const [role, order, redis, saves] = process.argv.slice(2)

/** As the origin has it: delete, save, set. */
class OriginProduct extends CachedObject(Row, { name: 'product' }) {
  static table = Product.table
  static columns = Product.columns

  async save() {
    await this.cacheDelete()
    await super.save()
    await this.cacheSet()
    return this
  }
}

/** A wrong `save()`: it does not invalidate. */
class NegligentProduct extends CachedObject(Row, { name: 'product' }) {
  static table = Product.table
  static columns = Product.columns
}

const Saved = { shop: Product, origin: OriginProduct, negligent: NegligentProduct }[order]

const db = openDatabase()
Row.db = db
// No call may fail: an unconfirmed delete promises nothing.
const cache = createCache({
  redis,
  keyPrefix: `race:${order}`,
  timeouts: { store: '10s' },
  throwOnStoreError: true,
})

const violations = []
let reads = 0

/** The version that the product had, at least, when its last `save()` had returned. */
const floorOf = (id) => db.row('SELECT version FROM floors WHERE product_id = ?', id).version

const setFloor = (id, version) =>
  db.run(
    'INSERT INTO floors VALUES (?1, ?2) ON CONFLICT (product_id) DO UPDATE SET version = ?2',
    id,
    version,
  )

/** Between reading the row and storing it there is time for a save. */
async function load(id) {
  const product = await Saved.load(id)
  await pause(randomInt(12))
  return product
}

/** The price is the version: it only rises. The stock is the same, so that a mixture of two would show. */
async function read(id) {
  const floor = floorOf(id)
  const { price_cents: version, stock } = await Saved.findCached(id, load)
  reads++
  if (version < floor || stock !== version) {
    violations.push(
      `product ${id}: version ${version}/${stock} was read after version ${floor} had been saved`,
    )
  }
  return version
}

async function write() {
  const lamp = {
    name: 'Lamp',
    maker: 'Solberg',
    category: 'desk',
    picture: 'lamp',
    description: '',
    weight_g: 900,
  }
  const product = await new Saved({ ...lamp, price_cents: 0, stock: 0 }).save()
  setFloor(product.id, 0)
  if ((await product.isCached()) !== (order === 'origin'))
    violations.push('a new product is cached, or is not')
  process.send('ready')
  await once(process, 'message')
  for (let version = 1; version <= saves; version++) {
    await Object.assign(await Saved.load(product.id), { price_cents: version, stock: version }).save()
    setFloor(product.id, version)
    if (version % 4 === 0 && (await read(product.id)) > version)
      violations.push(`${version} was not the last`)
    await pause(randomInt(8))
  }
}

async function readOn() {
  const ids = db.rows('SELECT product_id AS id FROM floors').map(({ id }) => id)
  let isOver = false
  const lane = async () => {
    while (!isOver) await read(ids[randomInt(ids.length)])
  }
  for (const id of ids) await read(id)
  process.send('ready')
  const lanes = Array.from({ length: 8 }, lane)
  await Promise.race([once(process, 'message'), ...lanes])
  isOver = true
  await Promise.all(lanes)
}

db.run('CREATE TABLE IF NOT EXISTS floors (product_id INTEGER PRIMARY KEY, version INTEGER NOT NULL) STRICT')
process.once('disconnect', () => process.exit())
await (role === 'writer' ? write() : readOn())
const { hits, computations, fencedCommits } = cache.processStats().totals
await cache.close()
process.send({ violations, counts: { reads, hits, computations, fencedCommits } }, () => process.disconnect())
