import { DELETE_OPTIONS } from '../cache/invalidating.js'
import { SET_OPTIONS } from '../cache/writing.js'
import type { DeleteOptions, SetOptions } from '../cache.js'
import { ConfigurationError } from '../errors.js'
import type { CacheKey, KeyPart } from '../key/cache-key.js'
import { describeValue } from '../key/describe-value.js'
import { isPlainObject } from '../key/object-checks.js'
import type { AnyClass, CachedClass, CachedInstance, Loader, ModelClass } from './cached-class.js'
import { find } from './finding.js'
import { instanceKeyOf, type Mixin, Model } from './model.js'
import { CACHED_OBJECT_OPTIONS, type CachedObjectOptions, FIND_OPTIONS, type FindOptions } from './options.js'

export type {
  AnyClass,
  CachedClass,
  CachedInstance,
  CachedStatics,
  Loader,
  MixinConstructor,
  ModelClass,
  NoObject,
} from './cached-class.js'
export type { CachedObjectOptions, FindOptions } from './options.js'

/**
 * Returns a base class whose objects can be cached: `Product.findCached(id, load)`, `product.cacheDelete()`. It extends
 * `Base`, if there is one. The cache is the option `cache`, `static cache` of the class, or the only open cache; the name
 * in keys is the option `name`, `static cacheName`, or the name of the class.
 * @example
 * class Product extends CachedObject(Row, { ttl: '1h' }) {
 *   async save() {
 *     await super.save()
 *     await this.cacheDelete()
 *     return this
 *   }
 * }
 * const product = await Product.findCached(id, (id) => Product.load(id))
 * @throws ConfigurationError for an unknown option or a wrong value
 */
export function CachedObject(options?: CachedObjectOptions): CachedClass<new () => object>
export function CachedObject<Base extends AnyClass = new () => object>(
  base: Base | undefined,
  options?: CachedObjectOptions,
): CachedClass<Base>
export function CachedObject(
  first?: AnyClass | CachedObjectOptions,
  second?: CachedObjectOptions,
): CachedClass<AnyClass> {
  const hasBase = first === undefined || typeof first === 'function'
  if (!hasBase && second !== undefined) {
    throw new ConfigurationError(
      'CachedObject() takes options after a class only: write CachedObject(Base, options) or CachedObject(options).',
    )
  }
  const [base = class {}, options] = hasBase ? [first, second] : [undefined, first]
  const { cache, name, ...defaults } = CACHED_OBJECT_OPTIONS.take(options)

  // biome-ignore lint/suspicious/noExplicitAny: a mixin's base must have exactly this constructor.
  const type = class extends (base as new (...args: any[]) => object) {
    cacheKey(...more: KeyPart[]): CacheKey {
      return modelOf(this).keyOfObject(this, more)
    }

    async cacheSet(given?: SetOptions): Promise<boolean> {
      const own = SET_OPTIONS.take(given)
      const model = modelOf(this)
      const [key, data] = [this.cacheKey(), model.dataOf(this)]
      const { ttl, grace } = defaults
      return model.cache.set(key, data, { ttl, grace, overwrite: true, ...own })
    }

    async cacheGet(...more: KeyPart[]): Promise<unknown> {
      const model = modelOf(this)
      const value = await model.cache.get(this.cacheKey(...more))
      return more.length === 0 ? model.reviveStored(value) : value
    }

    async cacheDelete(given?: DeleteOptions) {
      const { children = true } = DELETE_OPTIONS.take(given)
      // A new object has no primary key before it is saved, so nothing of it is cached.
      if (instanceKeyOf(this) === undefined) return false
      return modelOf(this).cache.delete(this.cacheKey(), { children })
    }

    async cacheReset(given?: SetOptions): Promise<boolean> {
      const options = SET_OPTIONS.take(given)
      await this.cacheDelete()
      return this.cacheSet(options)
    }

    async isCached(...more: KeyPart[]) {
      return modelOf(this).cache.has(this.cacheKey(...more))
    }

    toCache(): unknown {
      return { ...this }
    }
  }

  const mixin: Mixin = { type, cache, name }
  const modelOf = <T extends object>(object: T) =>
    new Model<T>(Object.getPrototypeOf(object).constructor, mixin)

  const statics = {
    cacheKey(this: ModelClass, id: KeyPart, ...more: KeyPart[]) {
      return new Model(this, mixin).keyOf(id, more)
    },

    fromCache(this: ModelClass, data: unknown) {
      if (typeof data === 'object' && data !== null && isPlainObject(data))
        return Object.create(this.prototype, Object.getOwnPropertyDescriptors(data))
      const { name } = new Model(this, mixin)
      throw new ConfigurationError(
        `fromCache() of ${name} must be replaced together with toCache(), which returned ${describeValue(data)}.`,
      )
    },

    async findCached<T extends CachedInstance, Id extends KeyPart>(
      this: ModelClass<T>,
      id: Id,
      loader: Loader<T, Id>,
      given?: FindOptions<T>,
    ) {
      const own = FIND_OPTIONS.take(given as FindOptions | undefined) as FindOptions<T>
      return find(new Model(this, mixin), id, loader, { ...defaults, ...own })
    },
  }
  return Object.assign(type, statics) as unknown as CachedClass<AnyClass>
}
