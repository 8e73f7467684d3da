import { formatDuration } from './duration.js'
import {
  expiryOf,
  joinGenerations,
  type Provenance,
  parseFrame,
  parseGeneration,
  parseLease,
} from './entry.js'
import type { CacheKey } from './key/cache-key.js'
import { judge } from './store/judge.js'
import type { Peek } from './store/store.js'
import type { MissReason } from './tiers/outcome.js'
import type { LiveEntry, Standing } from './tiers/standing.js'

/** What is known about one key, without a trace of having looked. Times in milliseconds. */
export interface Inspection {
  readonly key: CacheKey
  /** `computing`: it is missing, and somebody is at it; `unknown` when the store does not answer. */
  readonly state: 'fresh' | 'stale' | 'computing' | 'missing' | 'unknown'
  /** Why it is not cached; `undefined` when it is. */
  readonly reason: MissReason | undefined
  /** The reason, or what stands there, as a sentence. */
  readonly why: string
  /** Where it is held. */
  readonly tier: 'store' | undefined
  /** How long it is fresh still. */
  readonly ttlMs: number | undefined
  readonly bytes: number | undefined
  /** On the store's clock. */
  readonly writtenAt: number | undefined
  /** The process that wrote it, `host:pid`. */
  readonly writtenBy: string | undefined
  /** How long computing it took; `undefined` for what was set. */
  readonly computingMs: number | undefined
  /** Who deleted it or what lies above it, or let it expire, where that is known. */
  readonly provenance: Provenance | undefined
  /** The generations above it, the prefix's first; `id` is `undefined` where none stands. */
  readonly generations: readonly { readonly of: string; readonly id: string | undefined }[]
  /** The value, decoded for this look alone. */
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

/** Tells what a look at a key's place found. */
export function describe(key: CacheKey, peek: Peek, standing: Standing, keyPrefix: string): Inspection {
  const generations = peek.generations.map((bytes, depth) => ({
    of: depth === 0 ? keyPrefix : (key.ancestors[depth - 1] ?? ''),
    id: bytes ? parseGeneration(bytes)?.id.toString('hex') : undefined,
  }))
  const isComputing = hasLease(peek)
  const state = isComputing ? 'computing' : 'missing'
  const since = isComputing ? ' It is being computed now.' : ''
  const known = { ...NOTHING, key, generations, state } as const
  if (standing.state !== 'missing') {
    if (standing.state !== 'failed') return { ...known, ...live(key, standing, peek, isComputing) }
    const { writtenAt, writtenBy } = standing.body
    const why = `Computing it failed ${ago(peek.now - writtenAt)} in process ${writtenBy}, which is kept for ${formatDuration(peek.ttlMs)} more.${since}`
    return { ...known, reason: 'failed', why, writtenAt, writtenBy }
  }
  const { reason, provenance } = standing
  if (reason === 'absent') {
    const { why, provenance: last } = absent(key, peek)
    return { ...known, reason, why: why + since, provenance: last }
  }
  const judgement = judge(peek)
  const depth = judgement.live ? undefined : judgement.depth
  const why = explain(reason, peek, provenance, depth === undefined ? undefined : key.ancestors[depth - 1])
  return { ...known, reason, why: why + since, provenance }
}

/** Whether somebody holds a lease that nothing has invalidated since. */
function hasLease({ lease: bytes, generations, now }: Peek): boolean {
  const lease = bytes ? parseLease(bytes) : undefined
  const current = joinGenerations(generations)
  return !!lease && lease.lapsesAt > now && !!current?.equals(lease.started)
}

/** What is told while the store does not answer. */
export function describeUnknown(key: CacheKey): Inspection {
  const why = 'The store is not responding, so nobody can say.'
  return { ...NOTHING, key, generations: [], state: 'unknown', reason: 'store-down', why }
}

function live(
  key: CacheKey,
  { state, frame, body, value, leftMs }: LiveEntry,
  peek: Peek,
  isComputing: boolean,
) {
  const { writtenAt, writtenBy, computingMs } = body
  const written = `Written ${ago(peek.now - writtenAt)} by ${writtenBy}`
  const refreshing = isComputing ? ' It is being computed anew.' : ''
  const expiry = expiryOf(frame, peek.generations)
  const isLetExpire = expiry !== undefined && expiry.at <= writtenAt + body.ttlMs
  const expired = isLetExpire
    ? `let expire${below(key, expiry.depth)} ${by(peek.now, expiry.provenance)}`
    : `expired ${ago(-leftMs)}`
  const left = `still served by its grace for ${formatDuration(peek.ttlMs)}`
  const isFresh = state === 'fresh'
  return {
    state: isFresh ? 'fresh' : 'stale',
    reason: isFresh ? undefined : 'expired',
    why: isFresh
      ? `${written}; expires in ${formatDuration(leftMs)}.${refreshing}`
      : `${written}; ${expired}${isLetExpire ? '; ' : ', '}${left}.${refreshing}`,
    provenance: isLetExpire ? expiry.provenance : undefined,
    tier: 'store',
    ttlMs: isFresh ? leftMs : 0,
    bytes: peek.bytes,
    writtenAt,
    writtenBy,
    computingMs: computingMs === 0 ? undefined : computingMs,
    value,
  } as const
}

/** What was let expire along with it. */
function below(key: CacheKey, depth: number | undefined): string {
  return depth === undefined ? '' : ` with everything under ${key.ancestors[depth - 1]},`
}

/**
 * Where nothing stands, the last delete above is the likeliest reason: what it
 * made unreadable has been reclaimed since.
 */
function absent(
  key: CacheKey,
  peek: Peek,
): { readonly why: string; readonly provenance: Provenance | undefined } {
  const deletes = peek.generations.flatMap((bytes, depth) => {
    const provenance = bytes ? parseGeneration(bytes)?.provenance : undefined
    return provenance ? [{ provenance, ancestor: key.ancestors[depth - 1] }] : []
  })
  const last = deletes.sort((a, b) => b.provenance.at - a.provenance.at)[0]
  const since = last
    ? ` since everything${last.ancestor === undefined ? ' was cleared' : ` under ${last.ancestor} was deleted`} ${by(peek.now, last.provenance)}`
    : ''
  const isMarker = peek.frame !== null && parseFrame(peek.frame).kind === 'marker'
  const why = isMarker
    ? `A request found nothing here and has not set it yet; before that it was never set${since}, or it expired or was evicted.`
    : `Never set${since}, or expired or evicted: nothing stands here.`
  return { why, provenance: last?.provenance }
}

function explain(
  reason: Exclude<(Standing & { state: 'missing' })['reason'], 'absent'>,
  peek: Peek,
  provenance?: Provenance,
  ancestor?: string,
): string {
  switch (reason) {
    case 'deleted':
      return `Deleted ${by(peek.now, provenance)}.`
    case 'ancestor-deleted':
      return ancestor === undefined
        ? `Everything was cleared ${by(peek.now, provenance)}.`
        : `Deleted with everything under ${ancestor}, ${by(peek.now, provenance)}.`
    case 'generation-lost':
      return `The store has lost the generation of ${ancestor ?? 'the prefix'} (evicted, or restarted), so what stands here proves nothing.`
    case 'unsettled-delete':
      return 'This process has invalidated it, and the store does not know yet: that is repeated until it does.'
    case 'expired':
      return 'Computing it had failed, and that was let expire: the next read computes it anew.'
    case 'undecodable':
      return 'What stands here cannot be read: damaged, foreign, or written by a newer version.'
  }
}

function by(now: number, provenance: Provenance | undefined): string {
  if (!provenance) return 'some time ago'
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
