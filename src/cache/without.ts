import type { Miss } from '../tiers/outcome.js'
import type { RequestScope } from '../tiers/request-scope.js'
import type { Core } from './core.js'

const DISABLED: Miss = { hit: false, reason: 'disabled' }
const BYPASSED: Miss = { hit: false, reason: 'bypassed' }

/** Why a call does without the cache, if it does. */
export function without({ enabled }: Core, scope: RequestScope | undefined): Miss | undefined {
  if (!enabled) return DISABLED
  return scope?.bypasses ? BYPASSED : undefined
}
