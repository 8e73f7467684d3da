import { CachedObject } from 'keyedcache'
import { Row } from './row.js'

/**
 * What is sold. As a cached object it has its place in the cache, `product::2`, and below that what belongs to it. It
 * finds the cache by itself, as the shop has only one.
 */
export class Product extends CachedObject(Row, { name: 'product', ttl: '1h', negativeTtl: '1m' }) {
  static table = 'products'
  static columns = ['name', 'maker', 'category', 'picture', 'description', 'price_cents', 'weight_g', 'stock']

  /** How it is sent. */
  get parcel() {
    const kilograms = Math.max(0.5, Math.ceil(this.weight_g / 500) / 2)
    const kind = this.weight_g <= 100 ? 'letter' : this.weight_g <= 2000 ? 'small parcel' : 'parcel'
    return { kilograms, kind }
  }

  /**
   * After a change, delete: whoever asks next reads the row as it is now, and what was read before is not stored any
   * more. To `cacheSet()` it too would save that one read, where nobody else saves the product: of two processes
   * that save it at once, the slower one could leave the older object in the cache.
   */
  async save() {
    await super.save()
    await this.cacheDelete()
    return this
  }
}
