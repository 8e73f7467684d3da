import { types } from 'node:util'
import { describeValue } from './describe-value.js'
import { KeyPartError } from './key-part-error.js'
import { hasMethod, isPlainObject } from './object-checks.js'

export type Scalar = string | number | bigint | boolean

/**
 * The scalar of a value object such as an ObjectId, UUID, URL, Decimal or Temporal. `undefined` for any other object.
 * @param owner the object that has it as primary key, for the message
 * @throws {KeyPartError} for one whose text may or may not identify it: only the application knows
 */
export function scalarOf(value: object, owner?: object): Scalar | undefined {
  if (isStructure(value)) return undefined
  const scalar = declaredScalar(value)
  if (isCollection(value) || !hasOwnText(value)) return scalar
  if (scalar === undefined) throw ambiguous(value, described(value, owner))
  if (String(scalar) !== withoutNegativeZero(String(value)))
    throw new KeyPartError(
      `${described(value, owner)} whose toJSON() and String() differ`,
      'Use value.toJSON() or String(value), and the same one everywhere.',
    )
  return scalar
}

/** The scalar that an object's `toJSON()` returns, or that it boxes. Its `toString()` is not considered. */
export function declaredScalar(value: object): Scalar | undefined {
  if (isStructure(value)) return undefined
  const given: unknown = hasMethod(value, 'toJSON') ? value.toJSON() : undefined
  if (isScalar(given)) return withoutNegativeZero(given)
  if (types.isBoxedPrimitive(value)) return value.valueOf() as Scalar
  return value instanceof URLSearchParams ? String(value) : undefined
}

/** Whether an object is a value, such as an ObjectId, and not a thing that has one, such as a document. */
export function isValueObject(value: object): boolean {
  if (isStructure(value) || isCollection(value) || types.isDate(value)) return false
  return declaredScalar(value) !== undefined || hasOwnText(value)
}

/** Whether an object's class defines its text, rather than JavaScript. */
export function hasOwnText(value: object): boolean {
  if (isPlainObject(value)) return false
  if (Symbol.toPrimitive in value) return true
  for (let owner = value; owner !== null; owner = Object.getPrototypeOf(owner))
    if (Object.hasOwn(owner, 'toString')) return Object.getPrototypeOf(owner) !== null
  return false
}

function described(value: object, owner: object | undefined): string {
  return owner === undefined
    ? describeValue(value)
    : `${describeValue(owner)} whose primary key is ${describeValue(value)},`
}

function ambiguous(value: object, what: string): KeyPartError {
  if (hasMethod(value, 'toJSON') && value.toJSON() === null)
    return new KeyPartError(`${what} whose toJSON() is null`, 'Check what it was made from.')
  return new KeyPartError(
    `${what} with a toString() of its own and no toJSON() that gives it`,
    'Use String(value) if that text identifies it, or give its class a cacheKeyPart() method.',
  )
}

function isScalar(value: unknown): value is Scalar {
  return (
    typeof value === 'string' ||
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    typeof value === 'boolean'
  )
}

/** A scalar, with 0 for -0 as among numbers. Decimals return "-0" from `toJSON()` only. */
function withoutNegativeZero<T extends Scalar>(scalar: T): T | '0' {
  return scalar === '-0' ? '0' : scalar
}

/** Whether an object is identified by its items or bytes, whatever its text. */
function isStructure(value: object): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)
}

/**
 * Whether an object is identified by its content unless its class defines a scalar. A RegExp counts as one: a filter by
 * a pattern is not a filter by its text.
 */
function isCollection(value: object): boolean {
  return types.isMap(value) || types.isSet(value) || types.isRegExp(value)
}
