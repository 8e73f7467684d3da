import { describe, test } from 'vitest'
import { type StoreUnderTest, storeChecks } from '../../src/testing/store-checks.js'

/** What every store promises; a new one costs a file with one call of this. */
export function describeStoreConformance(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps what every store promises`, () => {
    for (const check of storeChecks(open)) test(check.name, check.run)
  })
}
