import { ValueTooLargeError } from '../errors.js'
import { MAX_VALUE_BYTES } from './limits.js'
import { ARRAY, memoryLimit } from './memory-estimates.js'

/** Limits of one value that is written. */
export interface WriteLimits {
  /** Maximum size of the serialised value before compression, in bytes. */
  readonly bytes: number
  /** Maximum memory that reading it takes, in bytes. */
  readonly memory: number
  /** Text of the key, for errors. */
  readonly key: string | undefined
}

/** Totals of a walk over a value. */
export interface WalkTotals {
  /** The objects met so far. A shared object is visited once. */
  readonly objects: Set<object>
  /** Minimum size of its primitives and views, in bytes. */
  bytes: number
  readonly allowance: WriteLimits
}

export function writeLimitsOf(maxBytes = MAX_VALUE_BYTES, key?: string): WriteLimits {
  return { bytes: maxBytes, memory: memoryLimit(maxBytes), key }
}

/** @throws {ValueTooLargeError} for a serialised value of too many bytes */
export function assertSizeAllowed(bytes: number, { bytes: maxBytes, key }: WriteLimits): void {
  if (bytes > maxBytes) throw refusal(new ValueTooLargeError(bytes, maxBytes, 'serialised', key))
}

/** @throws {ValueTooLargeError} for a value that would take too much memory */
export function assertMemoryAllowed(bytes: number, { memory, key }: WriteLimits): void {
  if (bytes > memory) throw refusal(new ValueTooLargeError(bytes, memory, 'in memory', key))
}

/** Whether this is an error of the functions above. Not by `instanceof`: a getter may throw a value for which that throws. */
export function isValueTooLarge(error: unknown): boolean {
  return refusals.has(error as ValueTooLargeError)
}

const refusals = new WeakSet<ValueTooLargeError>()

function refusal(error: ValueTooLargeError): ValueTooLargeError {
  refusals.add(error)
  return error
}

/** Ends the walk over a value that is already too large. @throws {ValueTooLargeError} */
export function assertTotalsAllowed({ objects, bytes, allowance }: WalkTotals): void {
  if (bytes > allowance.bytes) assertSizeAllowed(bytes, allowance)
  const memory = objects.size * ARRAY
  if (memory > allowance.memory) assertMemoryAllowed(memory, allowance)
}
