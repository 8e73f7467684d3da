import { asCache, internalsOf, type KeyedCache } from '../cache.js'
import { ConfigurationError, InvalidKeyError } from '../errors.js'
import { CacheKey, type KeyPart } from '../key/cache-key.js'
import { describeValue } from '../key/describe-value.js'
import type { PRIMARY_KEYS } from '../key/identity.js'
import { hasMethod } from '../key/object-checks.js'
import { isPairs } from '../key/parts.js'
import { NameOwners } from '../name-owners.js'
import { onlyOpenCache } from '../open-caches.js'
import type { CachedInstance, ModelClass } from './cached-class.js'

/** A class that `CachedObject` returned, with its options. */
export interface Mixin {
  /** The class itself. */
  readonly type: object
  readonly cache: KeyedCache | undefined
  readonly name: string | undefined
}

/** The class of each name, by cache. */
const owners = new WeakMap<KeyedCache, NameOwners<object>>()
/** Classes of which a warning was logged. */
const warned = new WeakSet<object>()

/** A cached class: the keys of its objects, and their conversion to data and back. */
export class Model<T extends object> {
  readonly #type: ModelClass<T>
  readonly #mixin: Mixin

  constructor(type: ModelClass<T>, mixin: Mixin) {
    this.#type = type
    this.#mixin = mixin
  }

  /**
   * First part of its keys.
   * @throws ConfigurationError for a class without a name
   */
  get name(): string {
    const name = nameOf(this.#type, this.#mixin)
    if (typeof name === 'string' && name !== '') return name
    throw new ConfigurationError(
      "A cached class needs a name for its keys: static cacheName = 'product', or CachedObject(Base, { name: 'product' }).",
    )
  }

  /**
   * The cache of its objects.
   * @throws ConfigurationError without a cache, with several open ones, and in production if another class has the name
   */
  get cache(): KeyedCache {
    const given = this.#mixin.cache ?? (this.#type as { cache?: unknown }).cache ?? onlyOpenCache()
    const cache = asCache(given)
    if (cache === undefined) {
      throw new ConfigurationError(
        `The cache of ${this.name} must be what createCache() returns, not ${describeValue(given)}.`,
      )
    }
    this.#claimName(cache)
    return cache
  }

  /** @throws InvalidKeyError */
  keyOf(id: KeyPart, more: readonly KeyPart[] = []): CacheKey {
    return CacheKey.of(this.name, id, ...more)
  }

  /** @throws InvalidKeyError for an object without a primary key */
  keyOfObject(object: T, more: readonly KeyPart[]): CacheKey {
    const id = instanceKeyOf(object)
    // The pairs of a composite key are meant as pairs: no warning of a row in a key.
    if (id !== undefined) return this.keyOf(isPairs(id) ? { cacheKeyPart: () => id } : id, more)
    throw new InvalidKeyError(
      `This ${this.name} has no primary key: cacheKeyPart(), id, pk and _id are missing or undefined. Save it before you cache it.`,
    )
  }

  /**
   * Data of an object.
   * @throws ConfigurationError if its `toCache()` returns `undefined` or `null`, which mean that there is no object
   */
  dataOf(object: Pick<CachedInstance, 'toCache'>): unknown {
    const data = object.toCache()
    if (data !== undefined && data !== null) return data
    throw new ConfigurationError(`toCache() of ${this.name} must return the data to store, not ${data}.`)
  }

  /**
   * Makes an object from its data; `undefined` and `null` stay what they are.
   * @throws any error of `fromCache()`
   * @throws ConfigurationError if it returns anything but an object of the class
   */
  revive(data: unknown): T | null | undefined {
    if (data === undefined || data === null) return data
    const object = this.#type.fromCache(data)
    if (this.has(object)) return object
    throw new ConfigurationError(
      `fromCache() of ${this.name} must return an object of that class, not ${describeValue(object)}.`,
    )
  }

  /** Makes an object from stored data; `undefined` where `fromCache` fails, as it may for data of an older version. */
  reviveStored(data: unknown): T | undefined {
    try {
      return this.revive(data) ?? undefined
    } catch {
      return undefined
    }
  }

  /** Whether a value is an object of this class, or of a subclass with the same name. */
  has(value: unknown): value is T {
    if (!Object.prototype.isPrototypeOf.call(this.#type.prototype, Object(value))) return false
    return nameOf(Object.getPrototypeOf(value).constructor, this.#mixin) === this.name
  }

  /** Logs a mistake in the use of the class, the first one only. */
  warnOnce(message: string): void {
    if (warned.has(this.#type)) return
    warned.add(this.#type)
    internalsOf(this.cache).logger.warn(`keyedcache: ${message}`)
  }

  /** Two classes of one name would get each other's objects. A subclass may share the name of its base on purpose. */
  #claimName(cache: KeyedCache): void {
    const { name } = this
    const names = owners.get(cache) ?? new NameOwners()
    owners.set(cache, names)
    let topmost: object = this.#type
    for (let type = topmost; type !== this.#mixin.type; type = Object.getPrototypeOf(type)) {
      if (nameOf(type, this.#mixin) === name) topmost = type
    }
    names.claim(name, topmost, {
      conflict: `Two classes are cached under the name "${name}", and would get each other's objects. Give one of them another name: static cacheName = '…'.`,
      logger: internalsOf(cache).logger,
    })
  }
}

/** The name of a class. It is not inherited: objects of the base class would count as objects of the subclass. */
function nameOf(type: object, { type: mixed, name: given }: Mixin): unknown {
  const { name, cacheName } = type as { readonly name?: unknown; readonly cacheName?: unknown }
  if (Object.hasOwn(type, 'cacheName')) return cacheName
  if (type === mixed) return given
  return Object.getPrototypeOf(type) === mixed ? (given ?? name) : name
}

/** The primary key of an object; `undefined` without one. */
export function instanceKeyOf(object: object): KeyPart | undefined {
  const { id, pk, _id } = object as Partial<Record<(typeof PRIMARY_KEYS)[number], unknown>>
  const given = hasMethod(object, 'cacheKeyPart') ? object.cacheKeyPart() : (id ?? pk ?? _id)
  return (given ?? undefined) as KeyPart | undefined
}
