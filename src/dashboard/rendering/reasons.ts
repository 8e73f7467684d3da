import type { MissReason } from '../../tiers/outcome.js'

/** Why reads miss, for people. */
export const REASONS: Readonly<Record<MissReason, string>> = {
  absent: 'never set, as far as is known',
  deleted: 'deleted',
  'ancestor-deleted': 'deleted with something above it',
  'generation-lost': 'the store lost its generation',
  undecodable: 'unreadable bytes',
  expired: 'expired',
  evicted: 'gone before its TTL',
  fenced: 'the last value was fenced',
  failed: 'computing it failed a moment ago',
  invalid: 'not of the shape that is wanted',
  'pending-invalidation': 'deleted here, and the store does not know yet',
  disabled: 'caching was off',
  bypassed: 'staff asked for the page without the cache',
  'store-down': 'the store did not answer',
}
