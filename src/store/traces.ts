import { createHash } from 'node:crypto'

/**
 * What became of a key, remembered for a while when nothing of it stands any
 * more: the only way to tell what expired from what was evicted, and both from
 * what was never set. It explains misses; no promise depends on it.
 */
export interface Trace {
  /** `deleted` of a tree: with everything below. `fenced`: a value was not stored, because its key was invalidated. */
  readonly kind: TraceKind
  /** When, by this process's `performance.now()`. */
  readonly at: number
  /** Of what was written: until when it was to stand; else the same as `at`. */
  readonly until: number
}

export type TraceKind = 'written' | 'deleted' | 'fenced'

/** The last things that became of a key, newest first: two at most. */
export type Traces = readonly Trace[]

/** So many keys are remembered, about: a new one takes the place of one by chance. */
export const MAX_TRACED = 32_768

/** The trace of everything below a path; without one, of all. No key's text is spelled so. */
export function treeOf(path = ''): string {
  return `{${path}}`
}

/**
 * A table of traces as bytes, so that it has one size for ever. Each name has
 * its slot:
 *
 * ```
 * fingerprint  kind  at  until  kind  at  until
 *      6        1     6    6     1     6    6
 * ```
 * The second is the one before the first. Times are milliseconds since the
 * epoch, on the store's clock; a kind of 0 is none.
 */
export const SLOT_BYTES = 32

const FINGERPRINT_BYTES = 6
const TRACE_BYTES = 13
const KINDS = ['written', 'deleted', 'fenced'] as const satisfies readonly TraceKind[]

/** What is remembered under a name, as it is told: its fingerprint and its newest trace. `clockAt` is the store's clock. */
export function encodeTrace(fingerprint: Buffer, trace: Trace, clockAt: (moment: number) => number): Buffer {
  const bytes = Buffer.alloc(FINGERPRINT_BYTES + TRACE_BYTES)
  fingerprint.copy(bytes)
  bytes[FINGERPRINT_BYTES] = KINDS.indexOf(trace.kind) + 1
  bytes.writeUIntBE(Math.round(clockAt(trace.at)), FINGERPRINT_BYTES + 1, 6)
  bytes.writeUIntBE(Math.round(clockAt(trace.until)), FINGERPRINT_BYTES + 7, 6)
  return bytes
}

/** What a slot says of the name with this fingerprint; `difference` is what the store's clock is ahead of `performance.now()`. */
export function decodeSlot(slot: Buffer, fingerprint: Buffer, difference: number): Traces {
  if (
    slot.length !== SLOT_BYTES ||
    slot.compare(fingerprint, 0, FINGERPRINT_BYTES, 0, FINGERPRINT_BYTES) !== 0
  )
    return []
  return [0, 1].flatMap((index) => {
    const start = FINGERPRINT_BYTES + index * TRACE_BYTES
    const kind = KINDS[(slot[start] as number) - 1]
    if (kind === undefined) return []
    const at = slot.readUIntBE(start + 1, 6) - difference
    return [{ kind, at, until: slot.readUIntBE(start + 7, 6) - difference }]
  })
}

/** Where a name's slot is, in bytes from the beginning of the table, and how it is told from others of that slot. */
export function placeOf(name: string): { readonly offset: number; readonly fingerprint: Buffer } {
  const digest = createHash('sha256').update(name).digest()
  const offset = (digest.readUInt32BE(0) % MAX_TRACED) * SLOT_BYTES
  return { offset, fingerprint: digest.subarray(4, 4 + FINGERPRINT_BYTES) }
}
