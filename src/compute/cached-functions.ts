import { ConfigurationError } from '../errors.js'
import { CacheKey, type KeyPart } from '../key/cache-key.js'
import { describeValue } from '../key/describe-value.js'
import { isPlainDate } from '../key/identity.js'
import type { Logger } from '../logger.js'
import { NameOwners } from '../name-owners.js'
import { TTL_IS_AN_OPTION } from '../option-advice.js'
import { aFunction, notNull } from '../option-checks.js'
import { OptionsReader } from '../options-reader.js'
import { GET_OR_SET_OPTIONS, type GetOrSetOptions } from './options.js'

/** The family of all cached functions. */
export const FUNCTIONS = 'func'

/** Options of `cached`: those of `getOrSet`, a name and a choice of arguments. */
export interface CachedOptions<Args extends readonly unknown[] = readonly unknown[], T = unknown>
  extends GetOrSetOptions<T> {
  /**
   * Name of the function in keys.
   * @default its own name
   */
  readonly name?: string | undefined
  /**
   * The parts of the key: all that the result depends on, of the arguments and of `this`.
   * @default all arguments
   * @example (request) => [request.country, request.weight]
   */
  readonly keyOf?: ((this: unknown, ...args: Args) => readonly KeyPart[]) | undefined
}

export const CACHED_OPTIONS = new OptionsReader<CachedOptions>(
  'option',
  { ...GET_OR_SET_OPTIONS, name: notNull, keyOf: aFunction },
  undefined,
  TTL_IS_AN_OPTION,
)

/** A function whose results are cached. It is called like the original, and always returns a promise. */
export interface CachedFunction<This, Args extends readonly unknown[], T> {
  (this: This, ...args: Args): Promise<T>
  /** The key of the result for these arguments. */
  key(...args: Args): CacheKey
  /** Deletes the result for these arguments, and resolves to whether there was one. */
  delete(...args: Args): Promise<boolean>
  /** Deletes all results, and resolves to whether there were any. */
  deleteAll(): Promise<boolean>
}

type AnyFunction = (...args: never) => unknown

/** The operations of a cached function on its keys. */
interface Access {
  compute(key: CacheKey, factory: () => unknown): Promise<unknown>
  remove(key: CacheKey, children: boolean): Promise<boolean>
}

/** The cached functions of one cache, and their names. */
export class CachedFunctions {
  readonly #byName = new NameOwners<AnyFunction>()
  readonly #rootsOf = new WeakMap<AnyFunction, Map<string, CacheKey>>()
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /**
   * Wraps a function.
   * @throws ConfigurationError for a function without a name, or in production a name that another function has
   */
  wrap<This, Args extends readonly unknown[], R>(
    fn: (this: This, ...args: Args) => R,
    name: string | undefined,
    keyOf: CachedOptions<Args>['keyOf'],
    { compute, remove }: Access,
  ): CachedFunction<This, Args, Awaited<R>> {
    const root = this.#register(fn, name)
    const keyFor = (self: unknown, args: Args) =>
      keyOf ? keyOfParts(root, keyOf.call(self, ...args)) : keyOfCall(root, args)
    const wrapped = async function (this: This, ...args: Args) {
      return compute(keyFor(this, args), () => fn.call(this, ...args))
    }
    this.#addRoot(wrapped, root)
    return Object.assign(Object.defineProperty(wrapped, 'name', { value: fn.name }), {
      key: (...args: Args) => keyFor(undefined, args),
      delete: async (...args: Args) => remove(keyFor(undefined, args), false),
      deleteAll: () => remove(root, true),
    }) as CachedFunction<This, Args, Awaited<R>>
  }

  /**
   * Claims the name of a function, and returns the key above all its results.
   * @throws ConfigurationError for a function without a name, or in production a name that another function has
   */
  #register(fn: AnyFunction, given: string | undefined): CacheKey {
    if (typeof fn !== 'function') {
      throw new ConfigurationError(`cached() takes a function, not ${describeValue(fn)}: pass () => ….`)
    }
    const name = given ?? fn.name.replace(/^bound /, '')
    if (typeof name !== 'string' || name === '') {
      throw new ConfigurationError(
        "A cached function needs a name for its keys: write cached(fn, { name: 'nearestRestaurant' }).",
      )
    }
    this.#byName.claim(name, fn, {
      conflict: `Another function is cached as "${name}" already, and each would get the other's results. Give one of them another name, cached(fn, { name: '…' }), and wrap a function once, not at every call.`,
      logger: this.#logger,
    })
    const root = CacheKey.of(FUNCTIONS, name)
    this.#addRoot(fn, root)
    return root
  }

  /** Records that a function, the original or the wrapped one, has results below this key. */
  #addRoot(fn: AnyFunction, root: CacheKey): void {
    this.#rootsOf.set(fn, (this.#rootsOf.get(fn) ?? new Map()).set(root.text, root))
  }

  /**
   * The keys above the results of a function: several if it is cached under several names.
   * @throws ConfigurationError for a function that is not cached here
   */
  rootsOf(fn: AnyFunction): readonly CacheKey[] {
    const roots = typeof fn === 'function' ? this.#rootsOf.get(fn) : undefined
    if (roots) return [...roots.values()]
    throw new ConfigurationError(
      'deleteFunction() takes a function that this cache has wrapped with cached(), or the function that cached() returned.',
    )
  }
}

/**
 * The key of a call: each argument is one segment, so that no two calls share a key. An object is a digest of its class and
 * content, since its pairs, or its id, could be the arguments of another call. Missing arguments at the end are as if
 * `undefined` had been given.
 * @throws InvalidKeyError
 */
function keyOfCall(root: CacheKey, args: readonly unknown[]): CacheKey {
  const given = args.slice(0, args.findLastIndex((argument) => argument !== undefined) + 1)
  return given.length === 0 ? root : CacheKey.from([root, ...given.map(partOf)])
}

function partOf(argument: unknown): KeyPart {
  // An array within the key becomes a digest.
  if (argument === undefined || Number.isNaN(argument)) return [argument]
  if (typeof argument !== 'object' || argument === null || isPlainDate(argument)) return argument as KeyPart
  return [argument]
}

/**
 * The key of the parts that `keyOf` has returned.
 * @throws ConfigurationError for anything but an array
 * @throws InvalidKeyError
 */
function keyOfParts(root: CacheKey, parts: readonly KeyPart[]): CacheKey {
  if (!Array.isArray(parts))
    throw new ConfigurationError(
      `keyOf of "${root.text}" must return an array of parts, not ${describeValue(parts)}.`,
    )
  return CacheKey.from([root, ...parts])
}
