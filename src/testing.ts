export {
  closeCaches,
  createTestCache,
  embeddedStore,
  resetCaches,
  type TestCacheOptions,
} from './testing/caches.js'
export { type StoreUnderTest, storeChecks } from './testing/store-checks.js'
export type { StoreCheck } from './testing/suite.js'
