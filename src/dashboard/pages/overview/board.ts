import { formatDuration } from '../../../duration.js'
import type { AvailableStats } from '../../reading/available-stats.js'
import { nonZero, size, whole } from '../../rendering/figures.js'

interface BoardFigure {
  readonly label: string
  readonly value: string
  /** `part`: a part of the figure above it; `bad`: it needs attention. */
  readonly kind?: 'part' | 'bad' | false
  /** Entry in the list of explanations. */
  readonly hint?: string
}

/** The totals, in the order of the page. */
export function boardOf({ totals, clears, storeFailures }: AvailableStats['stats']): BoardFigure[] {
  return [
    { label: 'Hits', value: whole(totals.hits) },
    {
      label: 'Request memory hits',
      value: whole(totals.requestHits),
      kind: 'part',
      hint: 'Hits in the memory of the current request, without a store read.',
    },
    ...(totals.processHits > 0
      ? [
          {
            label: 'Process memory hits',
            value: whole(totals.processHits),
            kind: 'part',
            hint: 'Hits in the memory of the process, which the store notifies of changes.',
          } as const,
        ]
      : []),
    { label: 'Misses', value: whole(totals.misses) },
    {
      label: 'Evicted or lost',
      value: whole(totals.missesBy.evicted ?? 0),
      kind: 'part',
      hint: 'Misses of values that a full store evicted, or a restart lost, before their TTL ended.',
    },
    {
      label: 'Sets',
      value: whole(totals.writes),
      hint: 'Values stored by set. Computed values are not in it.',
    },
    {
      label: 'Bytes written',
      value: nonZero(totals.storedBytes, size),
      hint: 'Stored size of all values that were set or computed. Not the current size of the store.',
    },
    {
      label: 'Refused fills',
      value: whole(totals.refusedFills),
      hint: 'Values not stored because their key was invalidated between the miss and the set.',
    },
    {
      label: 'Computations',
      value: whole(totals.computations),
      hint: 'Factory runs of getOrSet and of cached functions.',
    },
    { label: 'Failed computations', value: whole(totals.failedComputations), kind: 'part' },
    {
      label: 'Compute time',
      value: nonZero(totals.computingMs, formatDuration),
      hint: 'Total duration of all computations.',
    },
    {
      label: 'Time saved',
      value: nonZero(totals.savedMs, (ms) => `~ ${formatDuration(ms)}`),
      hint: 'Compute time of the values that hits found in the store or in process memory.',
    },
    {
      label: 'Computations avoided',
      value: whole(totals.avoided),
      hint: 'Callers that waited for a computation in progress, in any process, and received its result.',
    },
    {
      label: 'Fenced commits',
      value: whole(totals.fencedCommits),
      hint: 'Values not stored because their key was invalidated during the computation.',
    },
    ...(totals.unstorable > 0
      ? [
          {
            label: 'Values not stored',
            value: whole(totals.unstorable),
            kind: 'bad',
            hint: 'Computed values that cannot be serialized, or have no valid TTL. The log has a warning per family.',
          } as const,
        ]
      : []),
    {
      label: 'Takeovers',
      value: whole(totals.takeovers),
      hint: 'Computations started because the lease holder had died or was blocked.',
    },
    {
      label: 'Early refreshes',
      value: whole(totals.earlyRefreshes),
      hint: 'Values recomputed before they expired.',
    },
    {
      label: 'Served stale',
      value: whole(totals.staleServed),
      hint: 'Expired values served within their grace period.',
    },
    { label: 'Deletes', value: whole(totals.deletes) },
    { label: 'Deletes with children', value: whole(totals.treeDeletes), kind: 'part' },
    {
      label: 'Soft expiries',
      value: whole(totals.expires),
      hint: 'Keys marked stale, alone or with children. A grace period keeps them served while they are recomputed.',
    },
    { label: 'Clears', value: whole(clears), hint: 'Deletions of everything under the prefix.' },
    {
      label: 'Store failures',
      value: whole(storeFailures),
      kind: storeFailures > 0 && 'bad',
      hint: 'Operations that the store did not confirm: timeout, refusal or lost connection.',
    },
  ]
}
