import { asCache, type KeyedCache } from '../cache.js'
import { ConfigurationError, InvalidKeyError } from '../errors.js'
import { CacheKey, type KeyPart } from '../key/cache-key.js'
import { describeValue } from '../key/describe-value.js'
import type { PRIMARY_KEYS } from '../key/identity.js'
import { hasMethod } from '../key/object-checks.js'
import { isPairs } from '../key/parts.js'
import { NameOwners } from '../name-owners.js'
import { onlyOpenCache } from '../open-caches.js'
import type { CachedInstance, ModelClass } from './cached-class.js'

/** What `CachedObject` has made of its arguments. */
export interface Mixin {
  /** The class that it has returned. */
  readonly type: object
  readonly cache: KeyedCache | undefined
  readonly name: string | undefined
}

/** Which class has a name in a cache. */
const owners = new WeakMap<KeyedCache, NameOwners<object>>()
/** Of which classes a warning has been logged. */
const warned = new WeakSet<object>()

/** One cached class: where its objects are, and how they become data and objects again. */
export class Model<T extends object> {
  readonly #type: ModelClass<T>
  readonly #mixin: Mixin

  constructor(type: ModelClass<T>, mixin: Mixin) {
    this.#type = type
    this.#mixin = mixin
  }

  /**
   * What its keys begin with.
   * @throws ConfigurationError for a class without a name
   */
  get name(): string {
    const name = nameOf(this.#type, this.#mixin)
    if (typeof name === 'string' && name !== '') return name
    throw new ConfigurationError(
      "A class whose objects are to be cached needs a name for their keys: static cacheName = 'product', or CachedObject(Base, { name: 'product' }).",
    )
  }

  /**
   * The cache that its objects are in.
   * @throws ConfigurationError when it is not clear which, or in production another class has this one's name there
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
    const id = primaryKeyOf(object)
    // A primary key of several columns is meant: as what an object gives, it is not warned of as a row.
    if (id !== undefined) return this.keyOf(isPairs(id) ? { cacheKeyPart: () => id } : id, more)
    throw new InvalidKeyError(
      `This ${this.name} has no primary key: neither cacheKeyPart() nor id, pk or _id gives one. Save it before it is cached.`,
    )
  }

  /**
   * What is stored of an object.
   * @throws ConfigurationError when its `toCache()` gives nothing: that would be stored as "there is no such object"
   */
  dataOf(object: Pick<CachedInstance, 'toCache'>): unknown {
    const data = object.toCache()
    if (data !== undefined && data !== null) return data
    throw new ConfigurationError(`toCache() of ${this.name} must return what is to be stored, not ${data}.`)
  }

  /**
   * The object that data were made of, or that there is none.
   * @throws what `fromCache()` throws
   * @throws ConfigurationError when it gives something else
   */
  revive(data: unknown): T | null | undefined {
    if (data === undefined || data === null) return data
    const object = this.#type.fromCache(data)
    if (this.has(object)) return object
    throw new ConfigurationError(`fromCache() of ${this.name} must return one, not ${describeValue(object)}.`)
  }

  /** The object that data were made of which the cache has kept; `undefined` where the class has changed too much since. */
  reviveStored(data: unknown): T | undefined {
    try {
      return this.revive(data) ?? undefined
    } catch {
      return undefined
    }
  }

  /** Whether it is one of its objects: not of a class below it that has another name. */
  has(value: unknown): value is T {
    if (!Object.prototype.isPrototypeOf.call(this.#type.prototype, Object(value))) return false
    return nameOf(Object.getPrototypeOf(value).constructor, this.#mixin) === this.name
  }

  /** Logs what is wrong with how the class is used, the first time that it shows. */
  warnOnce(message: string): void {
    if (warned.has(this.#type)) return
    warned.add(this.#type)
    this.cache.logger.warn(`keyedcache: ${message}`)
  }

  /** Two classes of one name would get each other's objects; one that has the name of a class above it has asked for that. */
  #claimName(cache: KeyedCache): void {
    const { name } = this
    const names = owners.get(cache) ?? new NameOwners()
    owners.set(cache, names)
    let topmost: object = this.#type
    for (let type = topmost; type !== this.#mixin.type; type = Object.getPrototypeOf(type)) {
      if (nameOf(type, this.#mixin) === name) topmost = type
    }
    names.claim(name, topmost, {
      conflict: `Another class is cached as "${name}" already, and each would get the other's objects. Give one of them another name: static cacheName = '…'.`,
      logger: cache.logger,
    })
  }
}

/** What a class says that it is called. It is not inherited: the objects of the class above would be taken for its own. */
function nameOf(type: object, { type: mixed, name: given }: Mixin): unknown {
  const { name, cacheName } = type as { readonly name?: unknown; readonly cacheName?: unknown }
  if (Object.hasOwn(type, 'cacheName')) return cacheName
  if (type === mixed) return given
  return Object.getPrototypeOf(type) === mixed ? (given ?? name) : name
}

/** What an object is known by; `undefined` while it is known by nothing. */
export function primaryKeyOf(object: object): KeyPart | undefined {
  const { id, pk, _id } = object as Partial<Record<(typeof PRIMARY_KEYS)[number], unknown>>
  const given = hasMethod(object, 'cacheKeyPart') ? object.cacheKeyPart() : (id ?? pk ?? _id)
  return (given ?? undefined) as KeyPart | undefined
}
