import type { Trace, Traces } from './traces.js'

/** Figures by name: whole numbers, of which a report brings what came to them. */
export type Tally = ReadonlyMap<string, number>

/** What one process has to tell since its last report. */
export interface Report {
  /** One life of one cache in one process. */
  readonly process: string
  /** 1, 2, 3…: a report that comes twice counts once. */
  readonly sequence: number
  /** About the process, as it is now: host, pid, when it started. */
  readonly about: Readonly<Record<string, string | number>>
  /** By family of keys; of no family what concerns the cache as a whole. */
  readonly families: ReadonlyMap<string, Tally>
  /** What goes into the history: of all families together. */
  readonly history: Tally
  /** Invalidations and troubles, oldest first, as JSON. */
  readonly events: readonly string[]
  /** Sampled requests, oldest first, as JSON. */
  readonly requests: readonly string[]
  /** What became of keys, the newest of each by its text: see `Trace`. */
  readonly traces: ReadonlyMap<string, Trace>
}

/** What happened in a stretch of time. */
export interface Bucket {
  /** Its beginning, on the store's clock. */
  readonly at: number
  readonly figures: Tally
}

/** One process as it last reported. */
export interface ProcessReport {
  readonly process: string
  readonly about: Readonly<Record<string, string | number>>
  /** When it last reported, on the store's clock. */
  readonly seenAt: number
  /** What it has counted in its life. */
  readonly figures: Tally
}

/** What all processes have told. */
export interface Gathered {
  /** The store's clock. */
  readonly now: number
  /** When the first report came. */
  readonly since: number
  readonly families: ReadonlyMap<string, Tally>
  readonly processes: readonly ProcessReport[]
}

/** Stretches of time in which history is kept, and for how long. In milliseconds. */
export const RESOLUTIONS = {
  fine: { stepMs: 10_000, spanMs: 3_600_000 },
  coarse: { stepMs: 60_000, spanMs: 86_400_000 },
} as const

export type Resolution = keyof typeof RESOLUTIONS

/** After so long without a report a process counts as gone. */
export const GONE_AFTER_MS = 30_000

/** So many events and requests are kept, about. */
export const MAX_EVENTS = 1_000
export const MAX_REQUESTS = 200

/** So many figures of families are kept; beyond that new families are counted as `OTHER_FAMILIES`. */
export const MAX_FIGURES = 20_000
export const OTHER_FAMILIES = 'other'

/**
 * Where the processes of a cache tell what they have counted. Nothing in it is
 * a promise of the cache: where it fails, figures come later.
 */
export interface Statistics {
  /** Takes a report as a whole, once, however often it is sent. */
  report(report: Report): Promise<void>
  gathered(): Promise<Gathered>
  /** Oldest first; stretches in which nothing happened are left out. */
  history(resolution: Resolution): Promise<readonly Bucket[]>
  /** The newest, newest first. */
  events(limit: number): Promise<readonly string[]>
  requests(limit: number): Promise<readonly string[]>
  /** What is remembered of keys and trees, in their order. */
  traces(names: readonly string[]): Promise<readonly Traces[]>
}
