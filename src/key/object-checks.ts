/** Whether an object belongs to no class: an object literal, the output of `JSON.parse`, `req.query`. */
export function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  // Object.prototype of another realm, or the bare prototype that Node's querystring gives its results.
  if (Object.getPrototypeOf(prototype) !== null) return false
  return !Object.hasOwn(prototype, 'constructor') || prototype.constructor?.name === 'Object'
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Whether a value has a method of that name. Data from outside never has one. */
export function hasMethod<Name extends string>(
  value: unknown,
  name: Name,
): value is Record<Name, (...args: unknown[]) => unknown> {
  return isObject(value) && typeof (value as Record<string, unknown>)[name] === 'function'
}
