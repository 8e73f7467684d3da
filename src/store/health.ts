import type { BreakerMessage } from '../channels.js'
import type { BreakerState } from './breaker.js'

/** The circuit breaker of a store, or of one server of it. */
export interface BreakerStatus {
  /** The server, or the store: `redis 127.0.0.1:6379/0`. It contains no password. */
  readonly server: string
  /** `open` while the server does not respond: calls fail at once. */
  readonly state: BreakerState
  /** When it opened, or closed again, in milliseconds since the epoch; `undefined` if it was never open. */
  readonly since: number | undefined
  /** How often it has opened. */
  readonly openings: number
  /** Message of the last failure while it is open. */
  readonly failure: string | undefined
}

/** Whether the servers of a store respond, as its circuit breakers have it. */
export interface StoreHealth {
  /** One for each server that this process is connected to. */
  readonly breakers: readonly BreakerStatus[]
  /** Calls `listener` whenever a breaker has opened or closed. */
  onChange(listener: (change: BreakerMessage) => void): void
}
