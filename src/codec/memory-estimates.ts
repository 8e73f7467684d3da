import { MEMORY_PER_BYTE, MIN_MEMORY_LIMIT } from './limits.js'

// Estimates of the memory that each part of a value takes when it is read, in
// bytes of 64-bit V8; or in time, a byte for each 5 ns, where that is more.

/** A place in an array, an object, a Map or a Set. */
export const SLOT = 8
/** A number that is no small integer, boxed. */
export const DOUBLE = 16
export const BIGINT = 16
export const STRING = 24
/** One with names that no other has: a shape of its own, or a dictionary. With the names of others it takes half. */
export const OBJECT = 128
export const ARRAY = 48
/** A Map or a Set; empty ones have room for four entries. */
export const COLLECTION = 200
/** Beside its slots. */
export const COLLECTION_ENTRY = 16
export const DATE = 96
export const REGEXP = 200
export const ARRAY_BUFFER = 200
export const VIEW = 280
/** An integer name in V8's dictionary mode. */
export const DICTIONARY_ENTRY = 100

/** What is known of a value that need not be counted exactly. */
interface Parts {
  readonly objects: number
  /** Properties, each with its value. */
  readonly names: number
  /** Elements and members. */
  readonly elements: number
  /** Of the serialised value. */
  readonly bytes: number
}

/** The most memory that a value of such parts takes, without index names. */
export function maxMemoryOf({ objects, names, elements, bytes }: Parts): number {
  return (
    (SLOT + VIEW) * objects + (SLOT + STRING) * names + (SLOT + STRING + COLLECTION_ENTRY) * elements + bytes
  )
}

/** The memory that a value may take. A small one may take more than its bytes. */
export function memoryLimit(maxBytes: number): number {
  return Math.max(maxBytes * MEMORY_PER_BYTE, MIN_MEMORY_LIMIT)
}
