// The limits of a value. Writer and reader keep the same ones, so that nothing
// is stored that would be refused later, and damaged or forged bytes cannot
// cost more than an honest value could.

const MIB = 1024 * 1024

/**
 * Default of `maxValueBytes`: bytes of one serialised value before compression. Redis answers one command after the
 * other: while 16 MiB are on their way, other readers wait for some 100 ms on a quiet machine.
 */
export const DEFAULT_VALUE_BYTES = 16 * MIB

/**
 * The largest `maxValueBytes`. Redis sends one reply after the other: a larger value keeps all readers of a process
 * waiting for longer than their deadlines. The memory for reading it stays below the default heap, and the objects of
 * one value below the 2^24 of a Set.
 */
export const MAX_VALUE_BYTES = 64 * MIB

/**
 * Memory that a value may take when it is read, in bytes per byte of `maxValueBytes`. Ordinary values take less:
 * an array of small integers 4, of doubles 2.7, rows of a table about 2. An empty Map takes 70.
 */
export const MEMORY_PER_BYTE = 4

/** Memory that any value may take, in bytes. */
export const MIN_MEMORY_LIMIT = 4 * MIB

/** Maximum depth of nesting. Reading recurses on whatever stack the caller has left. */
export const MAX_DEPTH = 1000

/** Missing elements of sparse arrays, over the whole value: a hole costs no bytes, but memory when read. */
export const MAX_HOLES = 100_000
