import { types } from 'node:util'
import { describeValue } from './describe-value.js'
import { KeyPartError } from './key-part-error.js'
import { hasMethod, isObject, isPlainObject } from './object-checks.js'
import { isValueObject } from './value-object.js'

// Whoever wraps an object in an object in an object needs fewer; a method that returns itself needs more.
const MAX_HOPS = 8

/** The properties that may hold a primary key. The first one that does counts. */
export const PRIMARY_KEYS = ['id', 'pk', '_id'] as const

/** A scalar, or a value object such as an ObjectId. */
export type PrimaryKey = string | number | bigint | object

/**
 * What the object itself gives as its key part, or else the object.
 * @throws {KeyPartError} when `cacheKeyPart()` never comes to an end, or gives what cannot be a part
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
 * @throws {KeyPartError} when it is NaN
 */
export function primaryKeyOf(value: object): PrimaryKey | undefined {
  if (Array.isArray(value) || ArrayBuffer.isView(value) || isPlainObject(value)) return undefined
  const row = value as Partial<Record<(typeof PRIMARY_KEYS)[number], unknown>>
  return usable(row.id, value) ?? usable(row.pk, value) ?? usable(row._id, value)
}

function usable(key: unknown, owner: object): PrimaryKey | undefined {
  if (Number.isNaN(key))
    throw new KeyPartError(
      `${describeValue(owner)} whose primary key is NaN`,
      'Check where the number comes from.',
    )
  // Mongoose gives every ObjectId an `_id` that is itself.
  return key !== owner && isPrimaryKey(key) ? key : undefined
}

/**
 * Refuses an instance of a class whose primary key is there and cannot be written: a digest of all its fields would
 * change with each of them.
 * @throws {KeyPartError} saying what to write
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

/** Whether it may be a primary key. */
export function isPrimaryKey(value: unknown): value is PrimaryKey {
  return (
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    (isObject(value) && isValueObject(value))
  )
}

/** Whether it is a Date and nothing more: of no class below Date, and without properties. */
export function isPlainDate(value: unknown): value is Date {
  return types.isDate(value) && value.constructor?.name === 'Date' && Object.keys(value).length === 0
}

/**
 * Refuses a property that is named by a symbol, as in Sequelize's `{ [Op.gt]: 5 }`: to leave it out
 * would make different queries one key.
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
