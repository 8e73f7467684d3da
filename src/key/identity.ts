import { show } from './show.js'
import { Unfit } from './unfit.js'

// Whoever wraps an object in an object in an object needs fewer; a method that returns itself needs more.
const MAX_HOPS = 8

/** An object literal, `JSON.parse` output, `req.query`: an object that belongs to no class. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  // Object.prototype of any realm, or the bare prototype that Node's querystring gives its results.
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

/** The name of the object's class; `''` for a plain object. */
export function className(value: object): string {
  if (isPlain(value)) return ''
  const name: unknown = Object.getPrototypeOf(value).constructor?.name
  return typeof name === 'string' ? name : ''
}

/**
 * What the object itself gives as its key part, or else the object.
 * @throws {Unfit} when `cacheKeyPart()` never comes to an end, or gives what cannot be a part
 */
export function ownPart(value: object): unknown {
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
      throw new Unfit(
        `${show(part)} whose cacheKeyPart() returned ${show(given)}`,
        'Return an id or a string.',
      )
    part = given
  }
  throw new Unfit(`${show(value)} whose cacheKeyPart() leads back to itself`, 'Return an id or a string.')
}

/** The scalar `id` or `pk` of an instance of a class. In a plain object an `id` is a pair like any other. */
export function primaryKey(value: object): string | number | bigint | undefined {
  if (Array.isArray(value) || ArrayBuffer.isView(value) || isPlain(value)) return undefined
  const { id } = value as { id?: unknown }
  const key = isPrimaryKey(id) ? id : (value as { pk?: unknown }).pk
  if (Number.isNaN(key))
    throw new Unfit(`${show(value)} whose primary key is NaN`, 'Check where the number comes from.')
  return isPrimaryKey(key) ? key : undefined
}

/**
 * Refuses a property that is named by a symbol, as in Sequelize's `{ [Op.gt]: 5 }`: to leave it out
 * would make different queries one key.
 */
export function refuseSymbols(value: object, path?: string): void {
  for (const symbol of Object.getOwnPropertySymbols(value))
    if (Object.prototype.propertyIsEnumerable.call(value, symbol))
      throw new Unfit(
        `an object with a property named ${String(symbol)}`,
        'Use names that can be written down.',
        path,
      )
}

/** Does the value, whatever it is, have a method of that name? Data from outside never has. */
export function hasMethod<Name extends string>(
  value: unknown,
  name: Name,
): value is Record<Name, (...args: unknown[]) => unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Record<string, unknown>)[name] === 'function'
  )
}

function isPrimaryKey(value: unknown): value is string | number | bigint {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
}
