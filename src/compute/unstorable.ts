import { type Payload, serializeValue } from '../codec/codec.js'
import { KeyedCacheError, UnserializableValueError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'

/** A computed value that cannot be stored: a result for the callers of this process alone. */
export class Unstorable {
  readonly value: unknown
  /** Why it cannot be stored. */
  readonly reason: KeyedCacheError
  /** What copies of it are made from. Without one, all callers get this very value. */
  readonly payload: Payload | undefined

  constructor(value: unknown, reason: KeyedCacheError, payload?: Payload) {
    this.value = value
    this.reason = reason
    this.payload = payload
  }
}

/** The payload of a computed value, or the value itself where it has none. */
export function payloadOrValue(value: unknown, { text }: CacheKey, maxBytes: number): Payload | Unstorable {
  try {
    return serializeValue(value, text, maxBytes)
  } catch (error) {
    return new Unstorable(value, refusal(error, text))
  }
}

/** Why a value cannot be stored: whatever its encoding throws, its callers get the value. */
export function refusal(error: unknown, key: string): KeyedCacheError {
  if (error instanceof KeyedCacheError) return error
  const message = error instanceof Error ? error.message : 'encoding it throws'
  return new UnserializableValueError('value', `not serialisable (${message})`, key)
}
