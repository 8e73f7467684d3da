import { setTimeout as sleep } from 'node:timers/promises'
import { Product } from './product.js'

/** The products, read through the cache. It does not depend on Express: the cache finds the current request by itself. */
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

  /** The reviews of a product. Their key is below the product's, so they are deleted with it. */
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
   * How the product is sent. It reads the product again instead of taking it as a parameter: in one request, the second
   * read of a key comes from request memory.
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

  /** Changes a product. The caller must delete the cached lists that show it. */
  async change(id, changes) {
    // Not the cached product: `save` writes all columns, and another process may just have changed some.
    const product = await Product.load(id)
    await Object.assign(product, changes).save()
  }
}

/** Makes the example's small database as slow as a real one. */
function slowQuery(milliseconds) {
  return sleep(milliseconds)
}
