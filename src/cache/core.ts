import type { CachedFunctions } from '../compute/cached-functions.js'
import type { Computing } from '../compute/computing.js'
import type { Policies } from '../compute/policy.js'
import type { ResolvedOptions } from '../options.js'
import type { Counters } from '../stats/counters.js'
import type { MissLog } from '../stats/miss-log.js'
import type { Recorder } from '../stats/recorder.js'
import type { ReportQueue } from '../stats/report-queue.js'
import type { Reporter } from '../stats/reporter.js'
import type { RequestRecord } from '../stats/request-record.js'
import type { Statistics } from '../store/statistics.js'
import type { Store } from '../store/store.js'
import type { TierChain } from '../tiers/chain.js'
import type { Scopes } from '../tiers/context.js'
import type { PendingInvalidations } from '../tiers/pending-invalidations.js'
import type { ProcessMemory } from '../tiers/process-memory.js'

/** What all views of one cache share. */
export interface Core {
  readonly options: ResolvedOptions
  readonly store: Store
  readonly chain: TierChain
  readonly pending: PendingInvalidations
  /** What this process keeps for all its requests. */
  readonly memory: ProcessMemory | undefined
  readonly counters: Counters
  readonly recorder: Recorder
  readonly reporter: Reporter
  readonly misses: MissLog
  /** What is told with the next report. */
  readonly requests: ReportQueue<RequestRecord>
  readonly statistics: Statistics
  readonly scopes: Scopes
  readonly computing: Computing
  readonly policies: Policies
  readonly functions: CachedFunctions
  /** What its processes sign with. */
  readonly secret: () => Promise<Buffer>
  /** Told when it is closed. */
  readonly onClose: () => void
  /** Whether caching is on, in this process. */
  enabled: boolean
}
