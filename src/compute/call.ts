import type { CacheKey } from '../key/cache-key.js'
import type { OpenCall } from '../stats/open-call.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { Factory } from './factory.js'
import type { Policy } from './policy.js'

/** One `getOrSet`. */
export interface Call {
  readonly key: CacheKey
  readonly factory: Factory<unknown>
  readonly policy: Policy
  readonly scope: RequestScope | undefined
  /** Called when the call has to wait for a computation that another call or process has begun. */
  readonly onWait?: (() => void) | undefined
  /** Whether it came after the cache was closed: it is computed for its caller alone. */
  readonly isLate?: boolean
  /** Its record in the request log; `undefined` if the request is not logged. */
  readonly open?: OpenCall | undefined
}
