// Limits of a value, the same for writing and reading: no value is stored that
// would be refused later, and damaged or forged bytes cannot cost more than a
// valid value.

const MIB = 1024 * 1024

/**
 * Default of `maxValueBytes`: maximum size of a serialised value before compression, in bytes. Redis sends one reply
 * after the other: during a reply of 16 MiB, other readers wait for some 100 ms on a quiet machine.
 */
export const DEFAULT_VALUE_BYTES = 16 * MIB

/**
 * Maximum of `maxValueBytes`. During the reply of a larger value, the other readers of a process would exceed their
 * deadlines. The memory for reading one stays below the default heap, and its objects below the 2^24 of a Set.
 */
export const MAX_VALUE_BYTES = 64 * MIB

/**
 * Maximum memory for reading a value, in bytes per byte of `maxValueBytes`. Ordinary values take less:
 * an array of small integers 4, of doubles 2.7, rows of a table about 2. An empty Map takes 70.
 */
export const MEMORY_PER_BYTE = 4

/** Memory that every value may take, in bytes. */
export const MIN_MEMORY_LIMIT = 4 * MIB

/** Maximum depth of nesting. Reading recurses on the rest of the caller's stack. */
export const MAX_DEPTH = 1000

/** Maximum number of holes in all arrays of a value: a hole takes no bytes, but memory when it is read. */
export const MAX_HOLES = 100_000
