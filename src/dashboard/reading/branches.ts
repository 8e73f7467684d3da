import type { CacheKey } from '../../key/cache-key.js'
import { maskKey } from '../masking/mask-key.js'
import type { SecretNames } from '../masking/secret-names.js'

/** A subtree of keys. */
export interface Branch {
  readonly segment: string
  /** The key at its top. */
  readonly under: string
  /** Number of the given keys in it. */
  readonly keys: number
}

/** Maximum number of branches. */
const MAX = 40

/** The subtrees one step below a key, or below the root, by size. A branch with a masked part is left out. */
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
