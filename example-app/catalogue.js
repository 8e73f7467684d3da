import { setTimeout as sleep } from 'node:timers/promises'

/** What is sold, read through the cache. It knows nothing of Express: in a request, the cache finds the request by itself. */
export class Catalogue {
  #db
  #cache

  constructor(db, cache) {
    this.#db = db
    this.#cache = cache
  }

  /** A product, or `undefined` when there is none. */
  async product(id) {
    const cached = await this.#cache.get(['product', id])
    if (cached !== undefined) return cached

    await slowQuery(150)
    const product = this.#db.row('SELECT * FROM products WHERE id = ?', id)
    if (product) await this.#cache.set(['product', id], product)
    return product
  }

  /** Its key lies below the product's, so that deleting the product with its children takes the reviews along. */
  async reviews(id) {
    const cached = await this.#cache.get(['product', id, 'reviews'])
    if (cached !== undefined) return cached

    await slowQuery(100)
    const reviews = this.#db.rows(
      `SELECT stars, text, written_on, customers.name AS customer, town
       FROM reviews JOIN customers ON customers.id = customer_id
       WHERE product_id = ? ORDER BY written_on DESC`,
      id,
    )
    await this.#cache.set(['product', id, 'reviews'], reviews)
    return reviews
  }

  /**
   * How the product is sent. It asks for the product again instead of having it handed through: in one request,
   * the second read of a key comes from the request's memory and costs nothing.
   */
  async parcel(id) {
    const { weight_g: grams } = await this.product(id)
    const kilograms = Math.max(0.5, Math.ceil(grams / 500) / 2)
    return { kilograms, kind: grams <= 100 ? 'letter' : grams <= 2000 ? 'small parcel' : 'parcel' }
  }

  async products(category) {
    const key = ['catalogue', category ?? 'all']
    const cached = await this.#cache.get(key)
    if (cached !== undefined) return cached

    await slowQuery(150)
    const products = category
      ? this.#db.rows('SELECT * FROM products WHERE category = ? ORDER BY id', category)
      : this.#db.rows('SELECT * FROM products ORDER BY id')
    await this.#cache.set(key, products)
    return products
  }

  /** Changes the database only: whoever calls this deletes from the cache what showed the product. */
  change(id, { name, description, priceCents, stock }) {
    const sql = 'UPDATE products SET name = ?, description = ?, price_cents = ?, stock = ? WHERE id = ?'
    this.#db.run(sql, name, description, priceCents, stock, id)
  }
}

/** The example's database is too small to be slow; real ones manage without help. */
function slowQuery(milliseconds) {
  return sleep(milliseconds)
}
