import type { Miss } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { Core } from './core.js'

const DISABLED: Miss = { hit: false, reason: 'disabled' }
const BYPASSED: Miss = { hit: false, reason: 'bypassed' }

/** Why a call does not use the cache, if it does not: caching is off, or its request bypasses it. */
export function missWithoutCache({ enabled }: Core, scope: RequestScope | undefined): Miss | undefined {
  if (!enabled) return DISABLED
  return scope?.bypasses ? BYPASSED : undefined
}
