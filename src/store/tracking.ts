/**
 * For so long at most, in milliseconds, a process may serve from its memory what another has changed: it serves only
 * while all that changed until so long ago has surely been told to it.
 */
export const STALENESS_BOUND_MS = 1_000

/** Told of what changes in a store, in the order in which it changes, at some time after it did. */
export interface TrackingListener {
  /** The entry of a path has changed, or is gone. */
  entryChanged(path: string): void
  /** The generation of a path, `''` for the prefix, has changed, was prolonged or is gone. */
  generationChanged(path: string): void
  /** What was read before may change untold from now on. */
  lost(): void
  /** The store does not track, and says why. */
  refused(error: Error): void
}

/**
 * Tells a process when anything changes that it has read, so that it may keep it. What is told comes late by as much as
 * the way from the store takes; `isUpToDate` bounds that.
 *
 * A read is tracked in an epoch. Of what was sent and answered in an epoch every later change is told, as long as that
 * epoch lasts: it ends with the connection that reads, and with that on which changes are told.
 */
export interface Tracking {
  /** Begins with the first read, and again whenever it was lost. */
  start(listener: TrackingListener): void
  /** The present epoch; `undefined` while nothing is tracked. */
  readonly epoch: number | undefined
  /** Whether all that changed until `STALENESS_BOUND_MS` ago has surely been told. */
  isUpToDate(): boolean
}
