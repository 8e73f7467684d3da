import { type Cuts, NO_CUTS } from '../../codec/beginning/cut.js'
import { membersOf } from './members.js'
import type { SecretNames } from './secret-names.js'
import type { Steps } from './text/scan.js'

/** Number of members visited between two places to let other work have its turn. */
const STEP = 2_000

/** Maximum number of objects that are visited. Of a larger value it is unknown which objects are secret. */
const MAX_OBJECTS = 4_000_000

/**
 * Finds all objects that can be reached under the name of a secret, so that they are masked also where another name leads
 * to them. `undefined` where there are too many objects.
 */
export function* secretObjects(
  value: unknown,
  secrets: SecretNames,
  cuts: Cuts = NO_CUTS,
): Steps<ReadonlySet<object> | undefined> {
  const seen = new Set<object>()
  const roots: object[] = []
  const isWhole = yield* visit(
    value,
    seen,
    (member) => {
      if (!member.isSecret) return true
      if (typeof member.value === 'object' && member.value !== null) roots.push(member.value)
      return false
    },
    secrets,
    cuts,
  )
  if (!isWhole) return undefined
  const found = new Set<object>()
  for (const root of roots) if (!(yield* visit(root, found, () => true, secrets, cuts))) return undefined
  return found
}

/** Visits all objects that can be reached. Returns `false` where there are too many. */
function* visit(
  start: unknown,
  seen: Set<object>,
  goesDown: (member: { readonly value: unknown; readonly isSecret: boolean }) => boolean,
  secrets: SecretNames,
  cuts: Cuts,
): Steps<boolean> {
  let steps = 0
  const open: { readonly object: object; readonly holder: string | undefined }[] = []
  const meet = (value: unknown, holder: string | undefined) => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return
    seen.add(value)
    open.push({ object: value, holder })
  }
  meet(start, undefined)
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.size > MAX_OBJECTS) return false
    for (const member of membersOf(next.object, next.holder, secrets, { isWanted: isObject, cuts }) ?? []) {
      if (++steps % STEP === 0) yield
      if ('emptySlots' in member) {
        yield
        continue
      }
      if (member.label && 'key' in member.label) meet(member.label.key, undefined)
      if (goesDown(member)) meet(member.value, member.name)
    }
    if (++steps % STEP === 0) yield
  }
  return true
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
