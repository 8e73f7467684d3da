import { type Payload, serializeValue } from '../codec/codec.js'
import { KeyedCacheError, UnserializableValueError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'

/** A computed value that cannot be stored: only callers in this process get it. */
export class Unstorable {
  readonly value: unknown
  /** Why it cannot be stored. */
  readonly reason: KeyedCacheError
  /** Copies are made from it. Without one, all callers get the same value. */
  readonly payload: Payload | undefined

  constructor(value: unknown, reason: KeyedCacheError, payload?: Payload) {
    this.value = value
    this.reason = reason
    this.payload = payload
  }
}

/** Serialises a computed value, or wraps one that cannot be serialised. */
export function payloadOrValue(value: unknown, { text }: CacheKey, maxBytes: number): Payload | Unstorable {
  try {
    return serializeValue(value, text, maxBytes)
  } catch (error) {
    return new Unstorable(value, refusal(error, text))
  }
}

/** The reason why a value cannot be stored. Any error of its encoding is one: its callers get the value. */
export function refusal(error: unknown, key: string): KeyedCacheError {
  if (error instanceof KeyedCacheError) return error
  const message = error instanceof Error ? error.message : 'encoding it throws'
  return new UnserializableValueError('value', `not serialisable (${message})`, key)
}
