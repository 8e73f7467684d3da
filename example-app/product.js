import { CachedObject } from 'keyedcache'
import { Row } from './row.js'

/**
 * A product. As a cached object it has a key, `product::2`, with its reviews below it. It finds the cache by itself,
 * because the shop has only one.
 */
export class Product extends CachedObject(Row, { name: 'product', ttl: '1h', negativeTtl: '1m' }) {
  static table = 'products'
  static columns = ['name', 'maker', 'category', 'picture', 'description', 'price_cents', 'weight_g', 'stock']

  /** How the product is sent. */
  get parcel() {
    const kilograms = Math.max(0.5, Math.ceil(this.weight_g / 500) / 2)
    const kind = this.weight_g <= 100 ? 'letter' : this.weight_g <= 2000 ? 'small parcel' : 'parcel'
    return { kilograms, kind }
  }

  /**
   * After a change, delete: the next reader reads the new row, and a value that was read before is no longer stored.
   * `cacheSet()` would save that read, but if two processes save a product at the same time, the slower one could leave
   * the older object in the cache.
   */
  async save() {
    await super.save()
    await this.cacheDelete()
    return this
  }
}
