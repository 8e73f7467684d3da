import { CACHE_OPERATIONS } from './cache-operations.js'
import type { Need, Operation } from './operation.js'
import { PAGE_OPERATIONS } from './page-operations.js'

/** Every operation of a cache, a model and the dashboard that needs the store. */
export const OPERATIONS: readonly Operation[] = [
  ...CACHE_OPERATIONS,
  ...PAGE_OPERATIONS.map((operation) => ({ ...operation, isPage: true })),
]

const CHANGES: readonly Need[] = ['fill', 'write', 'invalidate']

/** Whether an operation changes what was prepared. */
export function changesValues({ needs, refreshes, meanwhile }: Operation): boolean {
  return refreshes === true || meanwhile !== undefined || needs.some((need) => CHANGES.includes(need))
}
