import { ValueTooLargeError } from '../errors.js'
import { MAX_VALUE_BYTES } from './limits.js'
import { ARRAY, memoryLimit } from './memory-estimates.js'

/** The limits that one value is written under. */
export interface WriteLimits {
  /** Of the serialised value, before compression. */
  readonly bytes: number
  /** Of what reading it takes. */
  readonly memory: number
  /** The text of the key, for errors. */
  readonly key: string | undefined
}

/** What a walk over a value has seen so far. */
export interface WalkTotals {
  /** Each object is looked at once, however often it is shared. */
  readonly objects: Set<object>
  /** Bytes that its primitives and views take at least. */
  bytes: number
  readonly allowance: WriteLimits
}

export function writeLimitsOf(maxBytes = MAX_VALUE_BYTES, key?: string): WriteLimits {
  return { bytes: maxBytes, memory: memoryLimit(maxBytes), key }
}

/** @throws ValueTooLargeError */
export function assertSizeAllowed(bytes: number, { bytes: maxBytes, key }: WriteLimits): void {
  if (bytes > maxBytes) throw refusal(new ValueTooLargeError(bytes, maxBytes, 'serialised', key))
}

/** @throws ValueTooLargeError */
export function assertMemoryAllowed(bytes: number, { memory, key }: WriteLimits): void {
  if (bytes > memory) throw refusal(new ValueTooLargeError(bytes, memory, 'in memory', key))
}

/** Whether this is what the functions above threw. A getter may throw anything, also what throws at `instanceof`. */
export function isValueTooLarge(error: unknown): boolean {
  return refusals.has(error as ValueTooLargeError)
}

const refusals = new WeakSet<ValueTooLargeError>()

function refusal(error: ValueTooLargeError): ValueTooLargeError {
  refusals.add(error)
  return error
}

/** Ends a walk before the whole value is serialised. @throws ValueTooLargeError */
export function assertTotalsAllowed({ objects, bytes, allowance }: WalkTotals): void {
  if (bytes > allowance.bytes) assertSizeAllowed(bytes, allowance)
  const memory = objects.size * ARRAY
  if (memory > allowance.memory) assertMemoryAllowed(memory, allowance)
}
