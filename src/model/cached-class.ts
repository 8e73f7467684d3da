import type { DeleteOptions, SetOptions } from '../cache.js'
import type { FactoryContext } from '../compute/factory.js'
import type { CacheKey, KeyPart } from '../key/cache-key.js'
import type { FindOptions } from './options.js'

/** What every object of a cached class has beside its own. */
export interface CachedInstance {
  /**
   * Its key, or one below it: `Product::123`, `Product::123::reviews`. An object is known by what its
   * `cacheKeyPart()` gives, if it has that, else by its `id`, `pk` or `_id`.
   * @throws InvalidKeyError while it has no primary key
   */
  cacheKey(...more: KeyPart[]): CacheKey
  /**
   * Stores the object as it is now, whatever stood there; resolves to whether it was stored. Of two writers who do so
   * after a change, the slower one may leave the older object: where there are several, `cacheDelete` instead.
   * @throws InvalidKeyError while it has no primary key
   * @throws UnserializableValueError naming what in it cannot be stored: replace `toCache` and `fromCache`
   */
  cacheSet(options?: SetOptions): Promise<boolean>
  /**
   * The object as it is stored, a new one; `undefined` when it is not cached.
   * @throws InvalidKeyError while it has no primary key
   */
  cacheGet(): Promise<this | undefined>
  /** What is stored below the object's key, as it was set there; `undefined` when it is not cached. */
  cacheGet<T = unknown>(...more: KeyPart[]): Promise<T | undefined>
  /**
   * Removes it and everything below its key, with `children: false` it alone; resolves to whether anything was there.
   * `false` also for what has no primary key yet, and when the store did not surely do it.
   */
  cacheDelete(options?: DeleteOptions): Promise<boolean>
  /**
   * Removes it and everything below its key, and stores it as it is now; resolves to whether it was stored.
   * @throws as `cacheSet`
   */
  cacheReset(options?: SetOptions): Promise<boolean>
  /**
   * Whether it is cached, or what is below its key; never counted as a read.
   * @throws InvalidKeyError while it has no primary key
   */
  isCached(...more: KeyPart[]): Promise<boolean>
  /** What is stored of it: its own enumerable properties, unless this is replaced, and `fromCache` with it. */
  toCache(): unknown
}

/** What a cached class has beside its own. `Made` is what `fromCache` makes. */
export interface CachedStatics<Made> {
  /**
   * The key of the object with this primary key, or one below it.
   * @throws InvalidKeyError
   */
  cacheKey(id: KeyPart, ...more: KeyPart[]): CacheKey
  /**
   * The object again, of what its `toCache()` gave. Its constructor does not run, so replace both for a class with
   * private state, or whose objects hold other objects.
   * @example static override fromCache(data: { id: number; pin: string }) { return new Account(data.id, data.pin) }
   */
  fromCache(data: unknown): Made
  /**
   * The object with this primary key, loaded if it is not cached: once, however many callers in however many processes
   * ask for it. Each gets an object of its own. That there is none is cached too; an object that has another primary
   * key, since it was found by something else, is not.
   * @example const product = await Product.findCached(req.params.id, (id) => Product.load(id), { ttl: '1h' })
   * @throws what the loader throws, and whatever else `getOrSet` throws
   * @throws ConfigurationError when the loader returns what is no object of the class
   */
  findCached<T extends object, Id, Found extends T | null | undefined>(
    this: ModelClass<T>,
    id: Id & KeyPart,
    loader: Loader<T, Id, Found>,
    options?: FindOptions<T>,
  ): Promise<T | NoObject<Found>>
}

/** Loads the object with this primary key; `undefined` or `null` when there is none. */
export type Loader<T, Id, Found = T | null | undefined> = (
  id: Id,
  context: FactoryContext<T>,
) => Found | PromiseLike<Found>

/** The value of a loader that found no object: `null` or `undefined`, as far as it returns them. */
export type NoObject<Found> =
  | (null extends Found ? null : never)
  | (undefined extends Found ? undefined : never)

/** A cached class, whatever its constructor takes. */
export interface ModelClass<T extends object = object> {
  readonly prototype: T
  fromCache(data: unknown): object
}

/** Any class, an abstract one too. */
export type AnyClass = abstract new (...args: never[]) => object

/** The constructor of a mixin, as TypeScript wants it. */
// biome-ignore lint/suspicious/noExplicitAny: what TypeScript takes for a mixin has exactly these arguments.
export type MixinConstructor = abstract new (...args: any[]) => CachedInstance

/** A class to extend, constructed as `Base` is. */
export type CachedClass<Base extends AnyClass> = Base &
  MixinConstructor &
  CachedStatics<InstanceType<Base> & CachedInstance>
