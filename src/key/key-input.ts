/** An object that gives its own key part: a model gives its primary key, a filter its canonical form. */
export interface CacheKeyed {
  cacheKeyPart(): KeyPart
}

/** An instance of a class that is known by its primary key: its `id` (or `pk`) stands for it in a key. */
export type Identified = { readonly id: string | number | bigint } | { readonly pk: string | number | bigint }

/**
 * An object that adds its pairs to a key in name order: `{ weight: 3, country: 'CZ' }` is
 * `country::CZ::weight::3`. Functions, promises and iterables are excluded by the optional `never`s.
 */
export type KeyPairs =
  | (object & { readonly bind?: never; readonly then?: never; readonly [Symbol.iterator]?: never })
  | { readonly [name: string]: unknown }

/**
 * One part of a key.
 *
 * - `123`, `123n` and `'123'` are the same part; `null`, booleans, Dates and `''` are unlike any string.
 * - A plain object adds its pairs; a {@link CacheKeyed} object the part it gives; an instance of a class
 *   that has an `id` or a `pk`, that.
 * - Any other structure (nested array, Map, Set, Buffer, …) adds one segment: a digest of its content.
 */
export type KeyPart =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | CacheKeyed
  | Identified
  | KeyPairs
  | readonly unknown[]
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | NodeJS.TypedArray
  | URLSearchParams
