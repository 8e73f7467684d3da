import type { MissReason } from '../../tiers/outcome.js'

/** Miss reasons as pages show them: phrases for table cells. */
export const REASONS: Readonly<Record<MissReason, string>> = {
  absent: 'no record of it',
  deleted: 'deleted',
  'ancestor-deleted': 'deleted with a parent key',
  'generation-lost': 'generation lost by the store',
  undecodable: 'unreadable data',
  expired: 'expired',
  evicted: 'evicted or lost',
  fenced: 'last value fenced',
  failed: 'recent computation failed',
  invalid: 'rejected by validation',
  'pending-invalidation': 'invalidation pending',
  disabled: 'caching off',
  bypassed: 'cache bypassed by staff',
  'store-down': 'store not responding',
}
