import type { TrackingListener } from '../../tracking.js'
import type { StoreTracking } from '../tracking.js'

/** Tracking of one server, until that turns out to be a node of a Cluster. */
export class AdaptiveTracking implements StoreTracking {
  #tracking: StoreTracking
  #listener: TrackingListener | undefined

  constructor(tracking: StoreTracking) {
    this.#tracking = tracking
  }

  get epoch(): number | undefined {
    return this.#tracking.epoch
  }

  isUpToDate(): boolean {
    return this.#tracking.isUpToDate()
  }

  start(listener: TrackingListener): void {
    this.#listener = listener
    this.#tracking.start(listener)
  }

  replaceBy(tracking: StoreTracking): void {
    this.#tracking.close()
    this.#tracking = tracking
    if (this.#listener) tracking.start(this.#listener)
  }

  close(): void {
    this.#tracking.close()
  }
}
