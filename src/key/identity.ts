import { types } from 'node:util'
import { describeValue } from './describe-value.js'
import { KeyPartError } from './key-part-error.js'
import { hasMethod, isObject, isPlainObject } from './object-checks.js'
import { isValueObject } from './value-object.js'

/** Maximum number of nested objects with `cacheKeyPart()`. More are taken for an endless chain. */
const MAX_HOPS = 8

/** Names of properties that may hold a primary key, in order of precedence. */
export const PRIMARY_KEYS = ['id', 'pk', '_id'] as const

/** A scalar, or a value object such as an ObjectId. */
export type PrimaryKeyValue = string | number | bigint | object

/**
 * The key part that an object's `cacheKeyPart()` returns; the object itself if it has no such method.
 * @throws {KeyPartError} if `cacheKeyPart()` leads back to itself, or returns what cannot be a part
 */
export function resolveKeyPart(value: object): unknown {
  let part: unknown = value
  for (let hop = 0; hop <= MAX_HOPS; hop++) {
    if (!hasMethod(part, 'cacheKeyPart')) return part
    const given = part.cacheKeyPart()
    if (
      given === undefined ||
      Number.isNaN(given) ||
      typeof given === 'function' ||
      typeof given === 'symbol'
    )
      throw new KeyPartError(
        `${describeValue(part)} whose cacheKeyPart() returned ${describeValue(given)}`,
        'Return an id or a string.',
      )
    part = given
  }
  throw new KeyPartError(
    `${describeValue(value)} whose cacheKeyPart() leads back to itself`,
    'Return an id or a string.',
  )
}

/**
 * The primary key of an instance of a class. In a plain object an `id` is a pair like any other.
 * @throws {KeyPartError} if it is NaN
 */
export function primaryKeyOf(value: object): PrimaryKeyValue | undefined {
  if (Array.isArray(value) || ArrayBuffer.isView(value) || isPlainObject(value)) return undefined
  const row = value as Partial<Record<(typeof PRIMARY_KEYS)[number], unknown>>
  return usable(row.id, value) ?? usable(row.pk, value) ?? usable(row._id, value)
}

function usable(key: unknown, owner: object): PrimaryKeyValue | undefined {
  if (Number.isNaN(key))
    throw new KeyPartError(
      `${describeValue(owner)} whose primary key is NaN`,
      'Check where the number comes from.',
    )
  // Mongoose gives every ObjectId an `_id` that is itself.
  return key !== owner && isPrimaryKey(key) ? key : undefined
}

/**
 * Refuses an instance of a class whose primary key cannot be in a key: a digest of all its fields instead would change
 * with each of them.
 * @throws {KeyPartError} with a text or parts to use instead
 */
export function assertUsablePrimaryKey(value: object): void {
  if (
    Array.isArray(value) ||
    ArrayBuffer.isView(value) ||
    isPlainObject(value) ||
    types.isBoxedPrimitive(value)
  )
    return
  for (const name of PRIMARY_KEYS) {
    const key: unknown = (value as Partial<Record<(typeof PRIMARY_KEYS)[number], unknown>>)[name]
    if (key === undefined || key === null || key === value || typeof key === 'function') continue
    throw new KeyPartError(
      `${describeValue(value)} whose ${name} is ${describeValue(key, 1)}`,
      `Write what identifies it as a text or as parts: ${ArrayBuffer.isView(key) ? `value.${name}.toString('hex')` : `String(value.${name})`}.`,
    )
  }
}

/** Whether a value may be a primary key. */
export function isPrimaryKey(value: unknown): value is PrimaryKeyValue {
  return (
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    (isObject(value) && isValueObject(value))
  )
}

/** Whether a value is a Date of no subclass and without properties of its own. */
export function isPlainDate(value: unknown): value is Date {
  return types.isDate(value) && value.constructor?.name === 'Date' && Object.keys(value).length === 0
}

/**
 * Refuses a property that is named by a symbol, as in Sequelize's `{ [Op.gt]: 5 }`: without it, different queries would
 * have one key.
 * @throws {KeyPartError}
 */
export function assertNoSymbolNames(value: object, path?: string): void {
  for (const symbol of Object.getOwnPropertySymbols(value))
    if (Object.prototype.propertyIsEnumerable.call(value, symbol))
      throw new KeyPartError(
        `an object with a property named ${String(symbol)}`,
        'Use names that can be written down.',
        path,
      )
}
