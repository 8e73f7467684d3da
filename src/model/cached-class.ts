import type { DeleteOptions, SetOptions } from '../cache.js'
import type { FactoryContext } from '../compute/factory.js'
import type { CacheKey, KeyPart } from '../key/cache-key.js'
import type { FindOptions } from './options.js'

/** Methods that `CachedObject` adds to each object. */
export interface CachedInstance {
  /**
   * Returns the key of the object, or a key below it: `Product::123`, `Product::123::reviews`. The object is identified
   * by the result of its `cacheKeyPart()` if it has that method, else by its `id`, `pk` or `_id`.
   * @example await cache.getOrSet(product.cacheKey('reviews'), () => loadReviews(product.id))
   * @throws InvalidKeyError for an object without a primary key
   */
  cacheKey(...more: KeyPart[]): CacheKey
  /**
   * Stores the present state of the object, and replaces a stored one; resolves to whether it was stored. Where several
   * processes change one object, use `cacheDelete` instead: the slower of two writers could leave the older state.
   * @throws InvalidKeyError for an object without a primary key
   * @throws UnserializableValueError for state that cannot be stored: replace `toCache` and `fromCache`
   */
  cacheSet(options?: SetOptions): Promise<boolean>
  /**
   * Reads the stored state as a new object; `undefined` if it is not cached.
   * @throws InvalidKeyError for an object without a primary key
   */
  cacheGet(): Promise<this | undefined>
  /** Reads a value below the object's key; `undefined` if it is not cached. */
  cacheGet<T = unknown>(...more: KeyPart[]): Promise<T | undefined>
  /**
   * Deletes the stored object and everything below its key, or only the object with `children: false`. Resolves to
   * whether there was anything: `false` also for an object without a primary key, and if the store did not confirm it.
   * @example await product.cacheDelete()
   */
  cacheDelete(options?: DeleteOptions): Promise<boolean>
  /**
   * Deletes the stored object and everything below its key, and stores its present state. Resolves to whether it was
   * stored.
   * @throws InvalidKeyError, UnserializableValueError as `cacheSet`
   */
  cacheReset(options?: SetOptions): Promise<boolean>
  /**
   * Resolves to whether the object, or a value below its key, is cached. It is not counted as a read.
   * @throws InvalidKeyError for an object without a primary key
   */
  isCached(...more: KeyPart[]): Promise<boolean>
  /** Returns the data to store: the object's own enumerable properties. Replace it together with `fromCache`. */
  toCache(): unknown
}

/** Static methods that `CachedObject` adds to a class. `Made` is the type of its objects. */
export interface CachedStatics<Made> {
  /**
   * Returns the key of the object with a primary key, or a key below it.
   * @example Product.cacheKey(123, 'reviews')
   * @throws InvalidKeyError
   */
  cacheKey(id: KeyPart, ...more: KeyPart[]): CacheKey
  /**
   * Makes an object from the data that its `toCache()` returned. The constructor does not run: replace both for a class
   * with private state, or with objects within its objects.
   * @example static override fromCache(data: { id: number; pin: string }) { return new Account(data.id, data.pin) }
   */
  fromCache(data: unknown): Made
  /**
   * Returns the object with a primary key, and loads it if it is not cached: once for all callers in all processes. Each
   * caller gets its own object. `null` and `undefined` are cached, too. A loaded object with another primary key is
   * returned, but not cached.
   * @example const product = await Product.findCached(req.params.id, (id) => Product.load(id), { ttl: '1h' })
   * @throws any error of the loader and of `getOrSet`
   * @throws ConfigurationError if the loader returns anything but an object of the class, `null` or `undefined`
   */
  findCached<T extends object, Id, Found extends T | null | undefined>(
    this: ModelClass<T>,
    id: Id & KeyPart,
    loader: Loader<T, Id, Found>,
    options?: FindOptions<T>,
  ): Promise<T | NoObject<Found>>
}

/** Loads the object with a primary key; `undefined` or `null` if there is none. */
export type Loader<T, Id, Found = T | null | undefined> = (
  id: Id,
  context: FactoryContext<T>,
) => Found | PromiseLike<Found>

/** The value of a loader that found no object: `null` or `undefined`, as far as it returns them. */
export type NoObject<Found> =
  | (null extends Found ? null : never)
  | (undefined extends Found ? undefined : never)

/** A cached class, with any constructor. */
export interface ModelClass<T extends object = object> {
  readonly prototype: T
  fromCache(data: unknown): object
}

/** Any class, also an abstract one. */
export type AnyClass = abstract new (...args: never[]) => object

/** The constructor of a mixin. */
// biome-ignore lint/suspicious/noExplicitAny: TypeScript requires exactly these arguments of a mixin.
export type MixinConstructor = abstract new (...args: any[]) => CachedInstance

/** A class to extend, with the constructor of `Base`. */
export type CachedClass<Base extends AnyClass> = Base &
  MixinConstructor &
  CachedStatics<InstanceType<Base> & CachedInstance>
