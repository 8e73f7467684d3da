import { types } from 'node:util'

/**
 * Whether two values are the same for whoever got the one instead of the
 * other: tells −0 from 0, a hole from undefined, a Buffer from a Uint8Array,
 * an own `__proto__` from a prototype, and how references are shared.
 */
export function same(a: unknown, b: unknown, met = new Map<object, object>()): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  if (met.has(a)) return met.get(a) === b
  met.set(a, b)

  if (Object.prototype.toString.call(a) !== Object.prototype.toString.call(b)) return false
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b) && Object.getPrototypeOf(a) !== null) return false
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime())
  if (a instanceof RegExp) return String(a) === String(b)
  if (ArrayBuffer.isView(a)) return bytesOf(a).equals(bytesOf(b as typeof a))
  if (types.isArrayBuffer(a)) return Buffer.from(a).equals(Buffer.from(b as ArrayBuffer))
  if (a instanceof Map) return same([...a], [...(b as typeof a)], met)
  if (a instanceof Set) return same([...a], [...(b as typeof a)], met)
  if (Array.isArray(a) && a.length !== (b as unknown[]).length) return false

  const names = Object.keys(a)
  return (
    names.join() === Object.keys(b).join() &&
    names.every((name) => same(a[name as keyof typeof a], b[name as keyof typeof b], met))
  )
}

function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength)
}
