import { isStale, parseBodyHead } from '../../../entry/body.js'
import { areErasCurrent, isExpiredItself } from '../../../entry/expiry.js'
import { parseFrame } from '../../../entry/frame.js'
import { joinGenerations } from '../../../entry/generation.js'
import { checkLiveness } from '../../liveness.js'

type Generations = readonly (Buffer | null)[]

/** Whether a frame holds a value. */
export function isValueFrame(frame: Buffer | null): frame is Buffer {
  return frame !== null && parseFrame(frame).kind === 'value'
}

/** Whether a value was written under these generations, in their present eras. */
export function isCurrent(value: Buffer, generations: Generations): boolean {
  return checkLiveness({ frame: value, generations }).live && areErasCurrent(value, generations)
}

/** Whether a value of these generations and eras is stale all the same: by its own soft expiry, or by time. */
export function isStaleItself(value: Buffer, generations: Generations, now: number): boolean {
  if (!isCurrent(value, generations)) return false
  if (isExpiredItself(value)) return true
  const body = parseBodyHead(value)
  return body !== undefined && isStale(body, now, undefined)
}

/**
 * Whether a write was refused because of an invalidation after which no value was stored. `frame` is what was stored then;
 * `joined` are the generations of the write, if they are known.
 */
export function isFenced(frame: Buffer | null, joined: Buffer | undefined, current: Generations): boolean {
  if (frame && checkLiveness({ frame, generations: current }).live) return false
  if (joined && !joinGenerations(current)?.equals(joined)) return true
  return frame !== null && parseFrame(frame).kind === 'tombstone'
}
