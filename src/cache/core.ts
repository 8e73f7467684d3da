import type { CachedFunctions } from '../compute/cached-functions.js'
import type { Computing } from '../compute/computing.js'
import type { Flights } from '../compute/flight.js'
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
import type { Scopes } from '../tiers/context.js'
import type { Memories } from '../tiers/memories.js'
import type { PendingInvalidations } from '../tiers/pending-invalidations.js'
import type { ProcessMemory } from '../tiers/process-memory.js'
import type { StoreReader } from '../tiers/store-reader.js'
import type { StoreWriter } from '../tiers/store-writer.js'

/** The parts of a cache, shared by all its views. */
export interface Core {
  readonly options: ResolvedOptions
  readonly store: Store
  readonly reader: StoreReader
  readonly writer: StoreWriter
  readonly memories: Memories
  readonly processMemory: ProcessMemory | undefined
  readonly pending: PendingInvalidations
  readonly flights: Flights
  readonly counters: Counters
  readonly recorder: Recorder
  readonly reporter: Reporter
  readonly misses: MissLog
  /** Logged requests that the next report will contain. */
  readonly requests: ReportQueue<RequestRecord>
  readonly statistics: Statistics
  readonly scopes: Scopes
  readonly computing: Computing
  readonly policies: Policies
  readonly functions: CachedFunctions
  /** The key of signatures, shared by all processes where the store keeps it. */
  readonly secret: () => Promise<Buffer>
  /** Called when the cache is closed. */
  readonly onClose: () => void
  /** Whether caching is on in this process. */
  enabled: boolean
}
