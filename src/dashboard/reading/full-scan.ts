import type { KeyedCache } from '../../cache.js'
import type { ListedEntry } from '../../store/store.js'
import { withStoreSlot } from '../scheduling/store-slots.js'
import type { ScanOptions } from './scan.js'

/** How many names one step looks at: enough to get on, too few to hold up a server or this process. */
const STEP = 500

/** How often it tells how far it has come, at the most. */
const TOLD_MS = 200

/** How far a scan has come. */
export interface FullScan {
  /** What was found since it last told. */
  readonly entries: readonly ListedEntry[]
  /** In all. */
  readonly found: number
  /** Names looked at, and about how many the store holds. */
  readonly scanned: number
  readonly total: number
  /** Where to go on; `undefined` when every name was looked at. */
  readonly cursor: string | undefined
}

export interface FullScanOptions extends ScanOptions {
  /** Stops it. */
  readonly signal: AbortSignal
}

/**
 * Looks through all names until enough keys were found, telling now and then
 * how far it has come, at the end in any case.
 * @throws CacheNotRespondingError
 */
export async function* scanAll(
  cache: KeyedCache,
  { under, matches, cursor: start, enough, signal }: FullScanOptions,
): AsyncGenerator<FullScan, void, undefined> {
  // A store may list a key twice.
  const seen = new Set<string>()
  let entries: ListedEntry[] = []
  let cursor = start
  let scanned = 0
  let total = 0
  let toldAt = Number.NEGATIVE_INFINITY
  const tell = (): FullScan => {
    const told = { entries, found: seen.size, scanned, total, cursor }
    entries = []
    toldAt = performance.now()
    return told
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
      if (performance.now() - toldAt >= TOLD_MS) yield tell()
    } while (cursor !== undefined && seen.size < enough && !signal.aborted)
  } catch (error) {
    if (scanned > 0) yield tell()
    throw error
  }
  yield tell()
}
