import type { KeyedCache } from '../cache.js'
import { GET_OR_SET_OPTIONS, type GetOrSetOptions } from '../compute/options.js'
import type { Ttl } from '../duration.js'
import { aFunction, aText, notNull } from '../option-checks.js'
import { type KnownOptions, OptionsReader } from '../options-reader.js'

/** Options of one `findCached`. Each defaults to the option of the class. */
export interface FindOptions<T = unknown> extends Omit<GetOrSetOptions, 'ttl' | 'validate'> {
  /**
   * Lifetime of the stored object, in seconds or as a duration. The loader can set it for one object: `context.setTtl`.
   * @default the `ttl` of the class, else of the cache
   */
  readonly ttl?: Ttl | undefined
  /**
   * Returns whether a stored object may be used. If it returns anything but `true`, or throws, the object is loaded again.
   * @default every object
   * @example (product) => product.version === 2
   */
  readonly validate?: ((object: T) => boolean) | undefined
}

/** Options of a cached class: its cache, its name, and defaults for each `findCached`. */
export interface CachedObjectOptions extends Omit<FindOptions, 'signal' | 'validate'> {
  /**
   * Cache of the objects.
   * @default `static cache` of the class, else the only open cache of this process
   */
  readonly cache?: KeyedCache | undefined
  /**
   * First part of the keys. Give one if class names are minified.
   * @default `static cacheName` of the class, else its name
   */
  readonly name?: string | undefined
}

const { signal, validate, ...OF_EVERY_CALL } = GET_OR_SET_OPTIONS
const KNOWN = { ...OF_EVERY_CALL, cache: notNull, name: aText } satisfies KnownOptions<CachedObjectOptions>

export const CACHED_OBJECT_OPTIONS = new OptionsReader<CachedObjectOptions>('CachedObject option', KNOWN)

export const FIND_OPTIONS = new OptionsReader<FindOptions>(
  'option',
  { ...GET_OR_SET_OPTIONS, validate: aFunction },
  'findCached',
)
