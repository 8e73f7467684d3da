import type { KeyedCache } from '../../cache.js'
import type { ListedEntry } from '../../store/store.js'
import { withStoreSlot } from '../scheduling/store-slots.js'
import type { ScanOptions } from './scan.js'

/** Number of names in one step: too few to block a server or this process. */
const STEP = 500

/** Minimum time between two reports of progress, in milliseconds. */
const REPORT_MS = 200

/** Progress of a full scan. */
export interface ScanProgress {
  /** Entries that were found since the last report. */
  readonly entries: readonly ListedEntry[]
  /** Number of entries that were found so far. */
  readonly found: number
  /** Number of names that were visited so far. */
  readonly scanned: number
  /** Approximate number of names in the store. */
  readonly total: number
  /** Where to continue; `undefined` once every name was visited. */
  readonly cursor: string | undefined
}

export interface FullScanOptions extends ScanOptions {
  /** Ends the scan. */
  readonly signal: AbortSignal
}

/**
 * Scans all names until enough keys were found. Reports its progress at intervals, and at its end.
 * @throws CacheNotRespondingError
 */
export async function* scanAll(
  cache: KeyedCache,
  { under, matches, cursor: start, enough, signal }: FullScanOptions,
): AsyncGenerator<ScanProgress, void, undefined> {
  // A store may list a key twice.
  const seen = new Set<string>()
  let entries: ListedEntry[] = []
  let cursor = start
  let scanned = 0
  let total = 0
  let reportedAt = Number.NEGATIVE_INFINITY
  const report = (): ScanProgress => {
    const progress = { entries, found: seen.size, scanned, total, cursor }
    entries = []
    reportedAt = performance.now()
    return progress
  }
  try {
    do {
      const page = await withStoreSlot(() => cache.list({ under, matches, cursor, scan: STEP }))
      cursor = page.cursor
      scanned += page.scanned
      total = page.total
      for (const entry of page.entries) {
        if (seen.has(entry.key.text)) continue
        seen.add(entry.key.text)
        entries.push(entry)
      }
      if (performance.now() - reportedAt >= REPORT_MS) yield report()
    } while (cursor !== undefined && seen.size < enough && !signal.aborted)
  } catch (error) {
    if (scanned > 0) yield report()
    throw error
  }
  yield report()
}
