import { formatDuration } from './duration.js'
import { expiryOf } from './entry/expiry.js'
import { parseFrame } from './entry/frame.js'
import { joinGenerations, parseGeneration } from './entry/generation.js'
import { parseLease } from './entry/lease.js'
import type { Provenance } from './entry/provenance.js'
import type { CacheKey } from './key/cache-key.js'
import type { Explanation } from './stats/explain.js'
import { checkLiveness } from './store/liveness.js'
import type { PeekResult } from './store/store.js'
import type { EntryState, LiveEntry } from './tiers/entry-state.js'
import type { MissReason } from './tiers/outcome.js'

/** The description of one key. Times in milliseconds. */
export interface Inspection {
  readonly key: CacheKey
  /** `computing`: missing, with a computation in progress. `unknown`: the store fails. */
  readonly state: 'fresh' | 'stale' | 'computing' | 'missing' | 'unknown'
  /** Why it is not cached; `undefined` where it is. */
  readonly reason: MissReason | undefined
  /** The state and its reason, as a sentence. */
  readonly why: string
  /** The first tier that has it, of process memory and the store. */
  readonly tier: 'process' | 'store' | undefined
  /** Time until it expires. */
  readonly ttlMs: number | undefined
  /** Size of the stored entry in bytes. */
  readonly bytes: number | undefined
  /** When it was written, on the store's clock. */
  readonly writtenAt: number | undefined
  /** The process that wrote it, `host:pid`. */
  readonly writtenBy: string | undefined
  /** How long computing the value took; `undefined` for one that was set. */
  readonly computingMs: number | undefined
  /** Origin of the delete or expiry of the key, or of a key above it; `undefined` if unknown. */
  readonly provenance: Provenance | undefined
  /** The generations above it, that of the prefix first; `id` is `undefined` for a missing one. */
  readonly generations: readonly { readonly of: string; readonly id: string | undefined }[]
  /** The value: a copy. */
  readonly value: unknown
}

const NOTHING = {
  tier: undefined,
  ttlMs: undefined,
  bytes: undefined,
  writtenAt: undefined,
  writtenBy: undefined,
  computingMs: undefined,
  provenance: undefined,
  value: undefined,
} as const

/** Facts beside the read entry. */
export interface Background {
  readonly keyPrefix: string
  /** Explanation of a missing entry. */
  readonly explained: Explanation | undefined
  /** Whether process memory has it. */
  readonly isInMemory: boolean
}

/** Describes the state of a key, from one read of its place. */
export function describe(
  key: CacheKey,
  peek: PeekResult,
  entry: EntryState,
  { keyPrefix, explained, isInMemory }: Background,
): Inspection {
  const generations = peek.generations.map((bytes, depth) => ({
    of: depth === 0 ? keyPrefix : (key.ancestors[depth - 1] ?? ''),
    id: bytes ? parseGeneration(bytes)?.id.toString('hex') : undefined,
  }))
  const isComputing = hasLease(peek)
  const state = isComputing ? 'computing' : 'missing'
  const since = isComputing ? ' A computation is in progress.' : ''
  const known = { ...NOTHING, key, generations, state } as const
  if (entry.state !== 'missing') {
    if (entry.state !== 'failed') {
      const tier = isInMemory ? 'process' : 'store'
      return { ...known, ...live(key, entry, peek, isComputing), tier }
    }
    const { writtenAt, writtenBy } = entry.body
    const why = `The computation failed ${ago(peek.now - writtenAt)} in process ${writtenBy}. This failure is kept for another ${formatDuration(peek.ttlMs)}.${since}`
    return { ...known, reason: 'failed', why, writtenAt, writtenBy }
  }
  const missing = { key, peek, entry, explained: explained ?? { reason: entry.reason } }
  const { why, provenance } = explain(missing)
  const observed = isMarker(peek) ? ' A request has missed it since, and has not stored a value yet.' : ''
  return { ...known, reason: missing.explained.reason, why: why + observed + since, provenance }
}

/** Whether a computation holds a lease that is still valid. */
function hasLease({ lease: bytes, generations, now }: PeekResult): boolean {
  const lease = bytes ? parseLease(bytes) : undefined
  const current = joinGenerations(generations)
  return !!lease && lease.lapsesAt > now && !!current?.equals(lease.started)
}

/** Describes a key during a store failure. */
export function describeUnknown(key: CacheKey): Inspection {
  const why = 'The store is not responding.'
  return { ...NOTHING, key, generations: [], state: 'unknown', reason: 'store-down', why }
}

function live(
  key: CacheKey,
  { state, frame, body, value, remainingMs }: LiveEntry,
  peek: PeekResult,
  isComputing: boolean,
) {
  const { writtenAt, writtenBy, computingMs } = body
  const written = `Written ${ago(peek.now - writtenAt)} by ${writtenBy}`
  const refreshing = isComputing ? ' A refresh is in progress.' : ''
  const expiry = expiryOf(frame, peek.generations)
  const isMarkedStale = expiry !== undefined && expiry.at < writtenAt + body.ttlMs
  const expired = isMarkedStale
    ? `Marked stale${below(key, expiry.depth)} ${by(peek.now, expiry.provenance)}`
    : `Expired ${ago(-remainingMs)}`
  const left = `Served within its grace period for another ${formatDuration(peek.ttlMs)}`
  const isFresh = state === 'fresh'
  return {
    state: isFresh ? 'fresh' : 'stale',
    reason: isFresh ? undefined : 'expired',
    why: isFresh
      ? `${written}; expires in ${formatDuration(remainingMs)}.${refreshing}`
      : `${written}. ${expired}. ${left}.${refreshing}`,
    provenance: isMarkedStale ? expiry.provenance : undefined,
    ttlMs: isFresh ? remainingMs : 0,
    bytes: peek.bytes,
    writtenAt,
    writtenBy,
    computingMs: computingMs === 0 ? undefined : computingMs,
    value,
  } as const
}

/** The tree that was marked stale, if it was more than the key. */
function below(key: CacheKey, depth: number | undefined): string {
  return depth === undefined ? '' : ` with everything under ${key.ancestors[depth - 1]},`
}

/** A key that is missing. */
interface Missing {
  readonly key: CacheKey
  readonly peek: PeekResult
  readonly entry: EntryState & { readonly state: 'missing' }
  readonly explained: Explanation
}

interface Why {
  readonly why: string
  readonly provenance: Provenance | undefined
}

function explain(missing: Missing): Why {
  const { entry, explained } = missing
  const { change } = explained
  const unexplained = explainFromStore(missing)
  if (change === undefined) return unexplained
  const now = performance.now()
  switch (explained.reason) {
    case 'expired':
      return withoutOrigin(`Expired ${ago(now - change.until)}; written ${ago(now - change.at)}.`)
    case 'evicted':
      return withoutOrigin(
        `Evicted or lost: written ${ago(now - change.at)}, with ${formatDuration(change.until - now)} of its TTL remaining. The store was full, or was restarted.`,
      )
    case 'fenced': {
      const fenced = `The last computed value was not stored ${ago(now - change.at)}: the key was invalidated during the computation.`
      if (entry.reason === 'absent') return withoutOrigin(fenced)
      return { ...unexplained, why: `${unexplained.why} ${fenced}` }
    }
    case 'deleted':
      return withoutOrigin(`Deleted ${ago(now - change.at)}.`)
    case 'ancestor-deleted':
      return whyDeletedAbove(missing, now - change.at)
    default:
      return unexplained
  }
}

/** An explanation from the key history, which has no origin. */
function withoutOrigin(why: string): Why {
  return { why, provenance: undefined }
}

/** Explains a miss from the frame and the generations above it. */
function explainFromStore({ key, peek, entry: { reason, provenance } }: Missing): Why {
  const liveness = checkLiveness(peek)
  const depth = liveness.live ? undefined : liveness.depth
  const ancestor = depth === undefined ? undefined : key.ancestors[depth - 1]
  switch (reason) {
    case 'absent': {
      const last = lastDelete(peek)
      const since = last
        ? ` since everything${last.depth === 0 ? '' : ` under ${key.ancestors[last.depth - 1]}`} was deleted ${by(peek.now, last.provenance)}`
        : ''
      const why = `No record of this key${since}.`
      return { why, provenance: last?.provenance }
    }
    case 'deleted':
      return { why: `Deleted ${by(peek.now, provenance)}.`, provenance }
    case 'ancestor-deleted':
      return { why: deletedAbove(ancestor, by(peek.now, provenance)), provenance }
    case 'generation-lost':
      return {
        why: `The store lost the generation of ${ancestor ?? 'the prefix'} (evicted, or a restart), so the value is no longer valid.`,
        provenance,
      }
    case 'pending-invalidation':
      return {
        why: 'This process has invalidated it, without confirmation by the store. It retries until the store confirms.',
        provenance,
      }
    case 'expired':
      return {
        why: 'Its computation had failed, and the failure was marked stale. The next read computes it again.',
        provenance,
      }
    case 'undecodable':
      return {
        why: 'The stored data is unreadable: damaged, foreign, larger than maxValueBytes, or written by a newer version.',
        provenance,
      }
  }
}

/** Explains a miss below a deleted key whose entry was reclaimed since. */
function whyDeletedAbove({ key, peek, explained: { depth = 0 } }: Missing, agoMs: number): Why {
  const bytes = peek.generations[depth]
  const provenance = bytes ? parseGeneration(bytes)?.provenance : undefined
  const when = provenance ? by(peek.now, provenance) : ago(agoMs)
  return { why: deletedAbove(key.ancestors[depth - 1], when), provenance }
}

function deletedAbove(ancestor: string | undefined, when: string): string {
  return ancestor === undefined
    ? `Everything was deleted ${when}.`
    : `Deleted with everything under ${ancestor}, ${when}.`
}

/** The last delete above a key that the present generations record. */
function lastDelete({ generations }: PeekResult) {
  const deletes = generations.flatMap((bytes, depth) => {
    const provenance = bytes ? parseGeneration(bytes)?.provenance : undefined
    return provenance ? [{ provenance, depth }] : []
  })
  return deletes.sort((one, other) => other.provenance.at - one.provenance.at)[0]
}

function isMarker({ frame }: PeekResult): boolean {
  return frame !== null && parseFrame(frame).kind === 'marker'
}

function by(now: number, provenance: Provenance | undefined): string {
  if (!provenance) return 'at an unknown time'
  const { at, process, route, user } = provenance
  return [
    `${ago(now - at)} by process ${process}`,
    ...(route === undefined ? [] : [route]),
    ...(user === undefined ? [] : [`user ${user}`]),
  ].join(', ')
}

function ago(ms: number): string {
  return `${formatDuration(Math.max(0, ms))} ago`
}
