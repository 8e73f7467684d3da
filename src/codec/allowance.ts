import { ValueTooLargeError } from '../errors.js'
import { MAX_VALUE_BYTES } from './limits.js'
import { ARRAY, memoryLimit } from './memory.js'

/** The limits that one value is written under. */
export interface Allowance {
  /** Of the serialised value, before compression. */
  readonly bytes: number
  /** Of what reading it takes. */
  readonly memory: number
  /** The text of the key, for errors. */
  readonly key: string | undefined
}

/** What a walk over a value has seen so far. */
export interface Seen {
  /** Each object is looked at once, however often it is shared. */
  readonly objects: Set<object>
  /** Bytes that its primitives and views take at least. */
  bytes: number
  readonly allowance: Allowance
}

export function allowanceOf(maxBytes = MAX_VALUE_BYTES, key?: string): Allowance {
  return { bytes: maxBytes, memory: memoryLimit(maxBytes), key }
}

/** @throws ValueTooLargeError */
export function assertAllowed(bytes: number, { bytes: maxBytes, key }: Allowance): void {
  if (bytes > maxBytes) throw refusal(new ValueTooLargeError(bytes, maxBytes, 'serialised', key))
}

/** @throws ValueTooLargeError */
export function assertAllowedMemory(bytes: number, { memory, key }: Allowance): void {
  if (bytes > memory) throw refusal(new ValueTooLargeError(bytes, memory, 'in memory', key))
}

/** Whether this is what the functions above threw. A getter may throw anything, also what throws at `instanceof`. */
export function isTooLarge(error: unknown): boolean {
  return refusals.has(error as ValueTooLargeError)
}

const refusals = new WeakSet<ValueTooLargeError>()

function refusal(error: ValueTooLargeError): ValueTooLargeError {
  refusals.add(error)
  return error
}

/** Ends a walk before the whole value is serialised. @throws ValueTooLargeError */
export function assertAllowedSoFar({ objects, bytes, allowance }: Seen): void {
  if (bytes > allowance.bytes) assertAllowed(bytes, allowance)
  const memory = objects.size * ARRAY
  if (memory > allowance.memory) assertAllowedMemory(memory, allowance)
}
