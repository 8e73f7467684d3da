import { formatDuration } from './duration.js'
import { type EntryBody, type Provenance, parseFrame, parseGeneration } from './entry.js'
import type { CacheKey } from './key/cache-key.js'
import { judge } from './store/judge.js'
import type { Peek } from './store/store.js'
import { decodeEntry } from './tiers/chain.js'
import type { MissReason } from './tiers/outcome.js'

/** What is known about one key, without a trace of having looked. Times in milliseconds. */
export interface Inspection {
  readonly key: CacheKey
  /** `unknown` when the store does not answer. */
  readonly state: 'fresh' | 'missing' | 'unknown'
  /** Why it is not cached; `undefined` when it is. */
  readonly reason: MissReason | undefined
  /** The reason, or what stands there, as a sentence. */
  readonly why: string
  /** Where it is held. */
  readonly tier: 'store' | undefined
  readonly ttlMs: number | undefined
  readonly bytes: number | undefined
  /** On the store's clock. */
  readonly writtenAt: number | undefined
  /** The process that wrote it, `host:pid`. */
  readonly writtenBy: string | undefined
  /** Who deleted it or what lies above it, where that is known. */
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
  provenance: undefined,
  value: undefined,
} as const

const UNDECODABLE = { reason: 'undecodable', provenance: undefined, depth: undefined } as const

/** Tells what a look at a key's place found. */
export async function describe(key: CacheKey, peek: Peek, keyPrefix: string): Promise<Inspection> {
  const generations = peek.generations.map((bytes, depth) => ({
    of: depth === 0 ? keyPrefix : (key.ancestors[depth - 1] ?? ''),
    id: bytes ? parseGeneration(bytes)?.id.toString('hex') : undefined,
  }))
  const judgement = judge(peek)
  if (judgement.live) {
    const entry = await decodeEntry(judgement.frame)
    if (entry) return { ...NOTHING, key, generations, ...fresh(entry, peek) }
  }
  const { reason, provenance, depth } = judgement.live ? UNDECODABLE : judgement
  if (reason === 'absent')
    return { ...NOTHING, key, generations, state: 'missing', reason, ...absent(key, peek) }
  const why = explain(reason, peek, provenance, depth === undefined ? undefined : key.ancestors[depth - 1])
  return { ...NOTHING, key, generations, state: 'missing', reason, why, provenance }
}

/** What is told while the store does not answer. */
export function describeUnknown(key: CacheKey): Inspection {
  const why = 'The store is not responding, so nobody can say.'
  return { ...NOTHING, key, generations: [], state: 'unknown', reason: 'store-down', why }
}

function fresh({ body, value }: { body: EntryBody; value: unknown }, peek: Peek) {
  const { writtenAt, writtenBy } = body
  const why = `Written ${ago(peek.now - writtenAt)} by ${writtenBy}; expires in ${formatDuration(peek.ttlMs)}.`
  return {
    state: 'fresh',
    reason: undefined,
    why,
    tier: 'store',
    ttlMs: peek.ttlMs,
    bytes: peek.bytes,
    writtenAt,
    writtenBy,
    value,
  } as const
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
  reason: Exclude<MissReason, 'absent'>,
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
    case 'undecodable':
      return 'What stands here cannot be read: damaged, foreign, or written by a newer version.'
    case 'disabled':
      return 'Caching is switched off.'
    case 'store-down':
      return 'The store did not answer.'
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
