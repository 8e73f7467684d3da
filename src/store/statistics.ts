import type { KeyChange, KeyHistory } from './key-history.js'

/** Whole numbers by the name of a metric. A report holds what was added since the last one. */
export type Counts = ReadonlyMap<string, number>

/** Counts and records of one process since its last report. */
export interface Report {
  /** Id of one cache in one run of a process. */
  readonly process: string
  /** 1, 2, 3…: a report that arrives twice counts once. */
  readonly sequence: number
  /** Host, pid, start and present memory of the process. */
  readonly about: Readonly<Record<string, string | number>>
  /** By family of keys; the empty family holds the counts of the cache as a whole. */
  readonly families: ReadonlyMap<string, Counts>
  /** Counts for the history, summed over all families. */
  readonly history: Counts
  /** Invalidations and store failures as JSON, oldest first. */
  readonly events: readonly string[]
  /** Sampled requests as JSON, oldest first. */
  readonly requests: readonly string[]
  /** The newest change of each key and tree, by its name. */
  readonly changes: ReadonlyMap<string, KeyChange>
}

/**
 * One step of the history as a store returns it: its counts by the names of metrics, whose meaning a store does not know.
 * A `HistoryStep` is made from it.
 */
export interface HistoryBucket {
  /** Its beginning, on the store's clock. */
  readonly at: number
  readonly counts: Counts
}

/** A process as of its last report. */
export interface ProcessReport {
  readonly process: string
  readonly about: Readonly<Record<string, string | number>>
  /** Time of its last report, on the store's clock. */
  readonly seenAt: number
  /** Counts since its start. */
  readonly counts: Counts
}

/** Counts that all processes have reported. */
export interface ReportedFigures {
  /** Present time of the store's clock. */
  readonly now: number
  /** Time of the first report. */
  readonly since: number
  readonly families: ReadonlyMap<string, Counts>
  readonly processes: readonly ProcessReport[]
}

/** Length of a step and of the whole history, in milliseconds, by resolution. */
export const RESOLUTIONS = {
  fine: { stepMs: 10_000, spanMs: 3_600_000 },
  coarse: { stepMs: 60_000, spanMs: 86_400_000 },
} as const

export type Resolution = keyof typeof RESOLUTIONS

/** Time without a report after which a process is no longer listed, in milliseconds. */
export const PROCESS_TIMEOUT_MS = 30_000

/** Approximate maximum number of events and of requests that are kept. */
export const MAX_EVENTS = 1_000
export const MAX_REQUESTS = 200

/** Maximum number of counts of all families; further families are counted as `OTHER_FAMILIES`. */
export const MAX_FIGURES = 20_000
export const OTHER_FAMILIES = 'other'

/**
 * Where the processes of a cache report what they have counted. No promise of the cache depends on it: when it fails,
 * figures arrive later.
 */
export interface Statistics {
  /** Takes a report as a whole; a report that arrives again changes nothing. */
  report(report: Report): Promise<void>
  figures(): Promise<ReportedFigures>
  /** Steps of the history, oldest first, without those in which nothing was counted. */
  history(resolution: Resolution): Promise<readonly HistoryBucket[]>
  /** The last events, newest first. */
  events(limit: number): Promise<readonly string[]>
  /** The last requests, newest first. */
  requests(limit: number): Promise<readonly string[]>
  /** Histories of keys and trees, in the order of their names. */
  keyHistories(names: readonly string[]): Promise<readonly KeyHistory[]>
}
