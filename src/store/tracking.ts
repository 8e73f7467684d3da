/**
 * Maximum time, in milliseconds, for which a process may serve from its memory what another process has changed. It
 * serves only while all changes until this long ago have arrived.
 */
export const STALENESS_BOUND_MS = 1_000

/** Is notified of changes in a store, in their order, some time after each. */
export interface TrackingListener {
  /** The entry of a path was changed or deleted, or has expired. */
  entryChanged(path: string): void
  /** The generation of a path, `''` for the prefix, was changed, prolonged or deleted, or has expired. */
  generationChanged(path: string): void
  /** Changes of what was read before may be missed from now on. */
  lost(): void
  /** The store does not track; `error` has its reason. */
  refused(error: Error): void
}

/**
 * Reports all changes of what a process has read, so that it may be kept in process memory. Reports come late by the
 * time that they take from the store; `isUpToDate` bounds that.
 *
 * A read is tracked in an epoch. All changes of what was read in an epoch are reported as long as it lasts. It ends with
 * the connection that reads, and with the connection on which changes are reported.
 */
export interface Tracking {
  /** Starts tracking with the first read, and again whenever it was lost. */
  start(listener: TrackingListener): void
  /** The current epoch; `undefined` while nothing is tracked. */
  readonly epoch: number | undefined
  /** Whether all changes until `STALENESS_BOUND_MS` ago have been reported. */
  isUpToDate(): boolean
}
