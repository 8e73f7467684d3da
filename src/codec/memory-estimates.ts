import { MEMORY_PER_BYTE, MIN_MEMORY_LIMIT } from './limits.js'

// Estimates of the memory that each part of a value takes when it is read, in
// bytes of 64-bit V8. Where reading takes long, time counts: one byte for 5 ns.

/** One item of an array, an object, a Map or a Set. */
export const SLOT = 8
/** A number other than a small integer, boxed. */
export const DOUBLE = 16
export const BIGINT = 16
export const STRING = 24
/** An object with names that no other has. With the names of another object it takes half. */
export const OBJECT = 128
export const ARRAY = 48
/** A Map or a Set. Empty ones already have room for four entries. */
export const COLLECTION = 200
/** One entry of a Map or a Set, besides its slots. */
export const COLLECTION_ENTRY = 16
export const DATE = 96
export const REGEXP = 200
export const ARRAY_BUFFER = 200
export const VIEW = 280
/** An integer name in V8's dictionary mode. */
export const DICTIONARY_ENTRY = 100

/** Counts of a value's parts. */
interface Parts {
  readonly objects: number
  /** Properties, each with its value. */
  readonly names: number
  /** Elements and members. */
  readonly elements: number
  /** Size of the serialised value. */
  readonly bytes: number
}

/** Maximum memory of a value with these parts, not counting index names. */
export function maxMemoryOf({ objects, names, elements, bytes }: Parts): number {
  return (
    (SLOT + VIEW) * objects + (SLOT + STRING) * names + (SLOT + STRING + COLLECTION_ENTRY) * elements + bytes
  )
}

/** Maximum memory that a value may take, in bytes. Small values may take more than their size. */
export function memoryLimit(maxBytes: number): number {
  return Math.max(maxBytes * MEMORY_PER_BYTE, MIN_MEMORY_LIMIT)
}
