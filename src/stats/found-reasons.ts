import { BoundedMap } from '../bounded-map.js'
import type { MissReason } from '../tiers/outcome.js'
import { isExplainable } from './explain.js'
import type { RequestRecord } from './request-record.js'

/** Maximum number of keys whose reasons are kept. */
const MAX_KEYS = 1_000
/** Time for which a found reason holds for later misses of the key, in milliseconds. */
const VALID_MS = 2_000

/** Reasons found for the last misses, by key: they correct the request log. */
export class FoundReasons {
  readonly #byKey = new BoundedMap<string, { readonly at: number; readonly reason: MissReason }>(MAX_KEYS)

  /** `at` is when the first of these misses began, by `performance.now()`. */
  add(key: string, reason: MissReason, at: number): void {
    this.#byKey.set(key, { at, reason })
  }

  /** The request with the reasons that were found since. */
  correct(request: RequestRecord): RequestRecord {
    const calls = request.calls.map((call) => {
      if (!isExplainable(call.reason as MissReason)) return call
      const found = this.#byKey.get(call.key)
      const began = request.at + call.afterMs - performance.timeOrigin
      // A reason is of the first of several misses, which may belong to another request.
      const isValid = found && found.at >= began - VALID_MS && found.at <= began + call.durationMs + 1
      return isValid ? { ...call, reason: found.reason } : call
    })
    return { ...request, calls }
  }
}
