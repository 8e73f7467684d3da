import type { KeyedCache } from '../../cache.js'
import type { CacheKey } from '../../key/cache-key.js'
import type { ListedEntry } from '../../store/store.js'
import { withStoreSlot } from '../scheduling/store-slots.js'

/** Number of names in one step. A page may have that many more rows than it asked for. */
const STEP = 250

/** Maximum number of names, and maximum time, of one scan. */
const MAX_NAMES = 20_000
const MAX_MS = 400

/** Result of a bounded scan. */
export interface KeyScan {
  readonly entries: readonly ListedEntry[]
  /** Where to continue; `undefined` once every name was visited. */
  readonly cursor: string | undefined
  /** Number of names that were visited. */
  readonly scanned: number
  /** Approximate number of names in the store. */
  readonly total: number
}

export interface ScanOptions {
  /** Only keys below this one. */
  readonly under?: CacheKey | undefined
  readonly cursor?: string | undefined
  /** Number of entries at which the scan ends. */
  readonly enough: number
  readonly matches?: ((key: CacheKey) => boolean) | undefined
}

/**
 * Scans for live keys until there are enough, every name was visited, or the limits of one scan are reached.
 * @throws CacheNotRespondingError
 */
export async function scan(
  cache: KeyedCache,
  { under, cursor: start, enough, matches }: ScanOptions,
): Promise<KeyScan> {
  const found = new Map<string, ListedEntry>()
  const until = performance.now() + MAX_MS
  let cursor = start
  let scanned = 0
  let total = 0
  do {
    const page = await withStoreSlot(() => cache.list({ under, matches, cursor, scan: STEP }))
    for (const entry of page.entries) found.set(entry.key.text, entry)
    cursor = page.cursor
    scanned += page.scanned
    total = page.total
  } while (cursor !== undefined && found.size < enough && scanned < MAX_NAMES && performance.now() < until)
  const entries = [...found.values()].sort((one, other) => (one.key.text < other.key.text ? -1 : 1))
  return { entries, cursor, scanned: Math.min(scanned, total), total }
}
