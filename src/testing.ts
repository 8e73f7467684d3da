/**
 * Helpers for tests of an application, and checks for a store of its own: `import { createTestCache } from 'keyedcache/testing'`.
 * @module keyedcache/testing
 */

export {
  closeCaches,
  createTestCache,
  embeddedStore,
  resetCaches,
  type TestCacheOptions,
} from './testing/caches.js'
export { type StoreUnderTest, storeChecks } from './testing/store-checks.js'
export type { StoreCheck } from './testing/suite.js'
