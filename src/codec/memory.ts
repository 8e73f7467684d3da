import { MEMORY_PER_BYTE } from './limits.js'

// Estimates of the memory that each part of a value takes when it is read, in
// bytes of 64-bit V8. A part that takes long to make counts a byte for each 5 ns.

/** A place in an array, an object, a Map or a Set. */
export const SLOT = 8
/** A number that is no small integer, boxed. */
export const DOUBLE = 16
export const BIGINT = 16
export const STRING = 24
export const OBJECT = 64
export const ARRAY = 48
/** A Map or a Set; empty ones have room for four entries. */
export const COLLECTION = 200
/** Beside its slots. */
export const COLLECTION_ENTRY = 16
export const DATE = 96
export const REGEXP = 200
export const ARRAY_BUFFER = 200
export const VIEW = 280
/** A property name that the value has not had before: its text, and a new shape for the object. */
export const NEW_NAME = 200
/** An integer name in V8's dictionary mode. */
export const DICTIONARY_ENTRY = 100

/** The memory that a value may take. */
export function memoryLimit(maxBytes: number): number {
  return maxBytes * MEMORY_PER_BYTE
}
