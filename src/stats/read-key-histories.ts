import type { CacheKey } from '../key/cache-key.js'
import { type KeyHistory, treeNameOf } from '../store/key-history.js'
import type { Statistics } from '../store/statistics.js'
import type { KeyHistoryLog } from './key-history-log.js'

/** Reported changes of a key, and all known changes of the trees above it, the prefix's first. */
export interface ReportedHistory {
  readonly reported: KeyHistory
  readonly above: readonly KeyHistory[]
}

/**
 * Reads the histories of keys, with what this process has not reported yet of the trees above them.
 * @throws CacheNotRespondingError
 */
export async function readKeyHistories(
  keys: readonly CacheKey[],
  statistics: Statistics,
  log: KeyHistoryLog,
): Promise<ReportedHistory[]> {
  const treesOf = (key: CacheKey) => [treeNameOf(), ...key.ancestors.map(treeNameOf)]
  const names = [...new Set(keys.flatMap((key) => [key.text, ...treesOf(key)]))]
  const histories = await statistics.keyHistories(names)
  const byName = new Map(names.map((name, index) => [name, histories[index] ?? []]))
  const of = (name: string) => byName.get(name) ?? []
  return keys.map((key) => ({
    reported: of(key.text),
    above: treesOf(key).map((tree) => {
      const unreported = log.of(tree)
      return unreported ? [unreported, ...of(tree)] : of(tree)
    }),
  }))
}
