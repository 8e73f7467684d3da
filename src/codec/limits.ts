// What a value may be at most. Writer and reader keep the same limits, so that
// nothing is stored that would be refused later, and damaged or forged bytes
// cannot ask for more than an honest value could.

/** Containers inside each other. Reading recurses on whatever stack the caller has left. */
export const MAX_DEPTH = 1000

/** Missing elements of sparse arrays, over the whole value: a hole costs no bytes, but memory when read. */
export const MAX_HOLES = 100_000

/** A larger value is stored uncompressed, so that no compressed payload may claim to be larger. */
export const MAX_INFLATED_BYTES = 128 * 1024 * 1024
