/** An object with a key part of its own: the primary key of a model, the canonical form of a filter. */
export interface CacheKeyed {
  cacheKeyPart(): KeyPart
}

/** An object that stands for a scalar, such as an ObjectId, UUID, URL, Decimal or Temporal. It has the same key as its text. */
export interface ValueObject {
  toJSON(): string | number | bigint | boolean
}

type PrimaryKey = string | number | bigint | ValueObject

/** An instance of a class with a primary key: its `id`, else its `pk`, else its `_id`. */
export type Identified =
  | { readonly id: PrimaryKey }
  | { readonly pk: PrimaryKey }
  | { readonly _id: PrimaryKey }

/**
 * An object that adds its pairs to a key in name order: `{ weight: 3, country: 'CZ' }` is
 * `country::CZ::weight::3`. A pair whose value is `undefined` is left out. Functions, promises and iterables are excluded by the optional `never`s.
 */
export type KeyPairs =
  | (object & { readonly bind?: never; readonly then?: never; readonly [Symbol.iterator]?: never })
  | { readonly [name: string]: unknown }

/**
 * One part of a key. The first rule that applies counts, for a part and for the value of a pair:
 *
 * - A scalar is one segment: `123`, `123n` and `'123'` the same, `null`, booleans and `''` unlike any string.
 * - A {@link CacheKeyed} object is the part that its `cacheKeyPart()` returns.
 * - A plain object adds its pairs, a row of a database too. As the value of a pair it is a digest.
 * - A Date is one segment, unlike any string.
 * - An instance of a class is its primary key: `id`, else `pk`, else `_id`, a scalar or a {@link ValueObject}.
 * - A {@link ValueObject} is the scalar that its `toJSON()` returns. If its text differs, or its class has only a
 *   `toString()`, it is refused with an `InvalidKeyError`: write `String(value)`.
 * - Any other structure (nested array, Map, Set, Buffer, RegExp, …) is a digest of its class and content. Two classes of
 *   one name are one class there. A property that is `undefined` counts as absent; an item does not.
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
  | ValueObject
  | KeyPairs
  | readonly unknown[]
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | NodeJS.TypedArray
  | URLSearchParams
