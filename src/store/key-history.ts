import { createHash } from 'node:crypto'

/**
 * A change of a key, known after its entry is gone. It separates expired keys from evicted ones, and both from keys that
 * were never set. It explains misses; no promise depends on it.
 */
export interface KeyChange {
  /** `deleted` of a tree: with everything below. `fenced`: a value was not stored because its key was invalidated. */
  readonly kind: KeyChangeKind
  /** When, by this process's `performance.now()`. */
  readonly at: number
  /** When a written value expires; otherwise the same as `at`. */
  readonly until: number
}

export type KeyChangeKind = 'written' | 'deleted' | 'fenced'

/** The last changes of a key or tree, newest first, two at most. */
export type KeyHistory = readonly KeyChange[]

/** Approximate maximum number of key histories; a new one replaces an arbitrary one. */
export const MAX_KEY_HISTORIES = 32_768

/** Name of everything below a path, or of the whole cache. It is no key's text. */
export function treeNameOf(path = ''): string {
  return `{${path}}`
}

/**
 * Size of a slot. The histories are a table of bytes with a fixed size, in which each name has a slot:
 *
 * ```
 * fingerprint  kind  at  until  kind  at  until
 *      6        1     6    6     1     6    6
 * ```
 * The newer change comes first. Times are milliseconds since the epoch on the store's clock; kind 0 is no change.
 */
export const SLOT_BYTES = 32

const FINGERPRINT_BYTES = 6
const CHANGE_BYTES = 13
const KINDS = ['written', 'deleted', 'fenced'] as const satisfies readonly KeyChangeKind[]

/** Bytes of a change in a report: the fingerprint of its name and the change. `clockAt` gives the store's clock. */
export function encodeChange(
  fingerprint: Buffer,
  { kind, at, until }: KeyChange,
  clockAt: (moment: number) => number,
): Buffer {
  const bytes = Buffer.alloc(FINGERPRINT_BYTES + CHANGE_BYTES)
  fingerprint.copy(bytes)
  bytes[FINGERPRINT_BYTES] = KINDS.indexOf(kind) + 1
  bytes.writeUIntBE(Math.round(clockAt(at)), FINGERPRINT_BYTES + 1, 6)
  bytes.writeUIntBE(Math.round(clockAt(until)), FINGERPRINT_BYTES + 7, 6)
  return bytes
}

/** History in a slot, empty if it belongs to another name. The store's clock is `difference` ahead of `performance.now()`. */
export function decodeSlot(slot: Buffer, fingerprint: Buffer, difference: number): KeyHistory {
  if (
    slot.length !== SLOT_BYTES ||
    slot.compare(fingerprint, 0, FINGERPRINT_BYTES, 0, FINGERPRINT_BYTES) !== 0
  )
    return []
  return [0, 1].flatMap((index) => {
    const start = FINGERPRINT_BYTES + index * CHANGE_BYTES
    const kind = KINDS[(slot[start] as number) - 1]
    if (kind === undefined) return []
    const at = slot.readUIntBE(start + 1, 6) - difference
    return [{ kind, at, until: slot.readUIntBE(start + 7, 6) - difference }]
  })
}

/** Slot of a name: its offset in the table, and the fingerprint that separates the names which share it. */
export function historySlotOf(name: string): { readonly offset: number; readonly fingerprint: Buffer } {
  const digest = createHash('sha256').update(name).digest()
  const offset = (digest.readUInt32BE(0) % MAX_KEY_HISTORIES) * SLOT_BYTES
  return { offset, fingerprint: digest.subarray(4, 4 + FINGERPRINT_BYTES) }
}
