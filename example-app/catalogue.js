import { setTimeout as sleep } from 'node:timers/promises'
import { Product } from './product.js'

/** What is sold, read through the cache. It knows nothing of Express: in a request, the cache finds the request by itself. */
export class Catalogue {
  #db
  #cache

  constructor(db, cache) {
    this.#db = db
    this.#cache = cache
  }

  /** A product, or `undefined` when there is none. */
  product(id) {
    return Product.findCached(id, async () => {
      await slowQuery(150)
      return Product.load(id)
    })
  }

  /** Their key lies below the product's: they are deleted along with it. */
  reviews(id) {
    return this.#cache.getOrSet(Product.cacheKey(id, 'reviews'), async () => {
      await slowQuery(100)
      return this.#db.rows(
        `SELECT stars, text, written_on, customers.name AS customer, town
         FROM reviews JOIN customers ON customers.id = customer_id
         WHERE product_id = ? ORDER BY written_on DESC`,
        id,
      )
    })
  }

  /**
   * How the product is sent. It asks for the product again instead of having it handed through: in one request,
   * the second read of a key comes from the request's memory and costs nothing.
   */
  async parcel(id) {
    const { parcel } = await this.product(id)
    return parcel
  }

  products(category) {
    return this.#cache.getOrSet(['catalogue', category ?? 'all'], async () => {
      await slowQuery(150)
      return category
        ? this.#db.rows('SELECT * FROM products WHERE category = ? ORDER BY id', category)
        : this.#db.rows('SELECT * FROM products ORDER BY id')
    })
  }

  /** Changes a product. Whoever calls this deletes from the cache the lists that show it. */
  async change(id, changes) {
    // Not the cached one: saving writes all columns, and another process may have changed some a moment ago.
    const product = await Product.load(id)
    await Object.assign(product, changes).save()
  }
}

/** The example's database is too small to be slow; real ones manage without help. */
function slowQuery(milliseconds) {
  return sleep(milliseconds)
}
