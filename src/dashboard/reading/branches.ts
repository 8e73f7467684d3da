import type { CacheKey } from '../../key/cache-key.js'
import { maskKey } from '../masking/mask-key.js'
import type { SecretNames } from '../masking/secret-names.js'

/** A step down the tree of keys. */
export interface Branch {
  readonly segment: string
  /** What lies there is under this key. */
  readonly under: string
  /** How many of the keys in question. */
  readonly keys: number
}

/** So many are shown at the most. */
const MAX = 40

/** Where some keys branch below one, or from the root: the fullest first. What leads to a masked part is left out. */
export function branchesOf(
  keys: readonly CacheKey[],
  from: CacheKey | undefined,
  secrets: SecretNames,
): Branch[] {
  const depth = from?.segments.length ?? 0
  const branches = new Map<string, number>()
  for (const key of keys) {
    const under = key.ancestors[depth]
    if (under !== undefined) branches.set(under, (branches.get(under) ?? 0) + 1)
  }
  return [...branches]
    .filter(([under]) => maskKey(under, secrets).key !== undefined)
    .sort(([one, few], [other, more]) => more - few || (one < other ? -1 : 1))
    .slice(0, MAX)
    .map(([under, count]) => ({ segment: under.split('::')[depth] as string, under, keys: count }))
}
