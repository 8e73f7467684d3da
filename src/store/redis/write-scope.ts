import type { Write } from './script-calls.js'
import { WRITE } from './scripts/entries.js'
import { CLEAR, EXPIRE, REMOVE } from './scripts/invalidations.js'
import { COMMIT } from './scripts/leases.js'

type Call = Pick<Write, 'script' | 'keys' | 'args'>

/** The generation that a write replaces, or whose next era it begins: of a `REMOVE` or an `EXPIRE` with children, or a `CLEAR`. */
export function treeOf({ script, keys, args }: Call): string | undefined {
  if (script === CLEAR) return keys[0]
  const isTree = (script === REMOVE && args[3] === '1') || (script === EXPIRE && args[2] === '1')
  return isTree ? keys.at(-1) : undefined
}

/** The entry that a write replaces. */
export function entryOf({ script, keys }: Call): string | undefined {
  const isReplacing = script === WRITE || script === COMMIT || script === REMOVE || script === EXPIRE
  return isReplacing ? keys[0] : undefined
}

/**
 * Whether a write takes effect whatever has happened since its call. All others are bound to a token, an id or a
 * sequence, which an invalidation or a later write of the same name makes void; or it does not matter when they run.
 */
export function isUnconditional({ script, args }: Call): boolean {
  // A fill names the frame that must still be in its place.
  if (script === WRITE) return args[4] === ''
  return script === REMOVE || script === EXPIRE || script === CLEAR
}
