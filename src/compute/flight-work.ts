import type { ReadResult } from '../store/store.js'
import type { Factory } from './factory.js'
import type { Policy } from './policy.js'

/** The work of a flight: its factory and the options of its call. */
export interface FlightWork {
  readonly factory: Factory<unknown>
  readonly policy: Policy
  /** A refresh in the background: it does not wait for another computation of the key. */
  readonly background?: boolean
  /** The reading that was a miss. */
  readonly seen?: ReadResult | undefined
  /** Compute without a lease: the store has just failed. */
  readonly leaseless?: boolean
  /** The id of the frame that is to be replaced although it is fresh. */
  readonly replaces?: Buffer | undefined
  /** Called when the flight has to wait for another computation of the key. */
  readonly onWait?: (() => void) | undefined
}
