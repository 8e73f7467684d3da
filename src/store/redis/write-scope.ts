import type { Write } from './script-calls.js'
import { CONDITION, WRITE } from './scripts/entries.js'
import { CLEAR, EXPIRE, REMOVE } from './scripts/invalidations.js'
import { COMMIT } from './scripts/leases.js'

type ScriptCall = Pick<Write, 'script' | 'keys' | 'args'>

/** Name of the generation that a write replaces or whose next era it begins: `CLEAR`, `REMOVE` or `EXPIRE` with children. */
export function treeOf({ script, keys }: ScriptCall): string | undefined {
  if (script === CLEAR) return keys[0]
  return script === REMOVE || script === EXPIRE ? keys[2] : undefined
}

/** Name of the entry that a write replaces. */
export function entryOf({ script, keys }: ScriptCall): string | undefined {
  const isReplacing = script === WRITE || script === COMMIT || script === REMOVE || script === EXPIRE
  return isReplacing ? keys[0] : undefined
}

/**
 * Whether a write takes effect whatever has happened since its call. All others name a token, an id or a sequence that
 * an invalidation or a later write of the same key makes void, or their order does not matter.
 */
export function isUnconditional({ script, args }: ScriptCall): boolean {
  // A fill names the frame that must still be there.
  if (script === WRITE) return args[5] !== CONDITION.observed
  return script === REMOVE || script === EXPIRE || script === CLEAR
}
