import type { KeyedCache } from '../cache.js'
import { GET_OR_SET_OPTIONS, type GetOrSetOptions } from '../compute/options.js'
import type { Ttl } from '../duration.js'
import { aFunction, aText, notNull } from '../option-checks.js'
import { type KnownOptions, OptionsReader } from '../take-options.js'

/** How one `findCached` goes. Default: as the class's options say. */
export interface FindOptions<T = unknown> extends Omit<GetOrSetOptions, 'ttl' | 'validate'> {
  /** How long the object lives. The loader can say so of one object: `context.setTtl`. */
  readonly ttl?: Ttl | undefined
  /** Whether a stored object will do; one for which this is false, or throws, counts as not cached. */
  readonly validate?: ((object: T) => boolean) | undefined
}

/** How the objects of a class are cached: where, and what holds for each `findCached` unless it says otherwise. */
export interface CachedObjectOptions extends Omit<FindOptions, 'signal' | 'validate'> {
  /** Default: the class's `static cache`, else the only open cache of this process. */
  readonly cache?: KeyedCache | undefined
  /** What keys begin with. Default: the class's own `static cacheName`, else its name. */
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
