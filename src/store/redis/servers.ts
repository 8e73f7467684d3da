import type { Redis } from 'ioredis'
import type { DeadlineOptions } from '../deadline.js'
import type { StoreHealth } from '../health.js'
import type { Tracking } from '../tracking.js'
import type { ServerAccess } from './access.js'
import type { ServerClock } from './clock.js'
import type { Argument, Command } from './command.js'
import type { Names } from './names.js'
import type { ScriptReply } from './script-calls.js'
import type { Script } from './scripts/script.js'
import type { RedisTarget } from './target.js'
import type { StoreTracking } from './tracking.js'

/** Result of a read: the values under its names. */
export interface ServerRead {
  /** In the order of the names. */
  readonly values: (Buffer | null)[]
  /** Lower bound of the clock of the server of the first name, when the answer came. */
  readonly now: number
  /** The tracking epoch that covers all values, if one does. */
  readonly epoch: number | undefined
  /** Whether one command has read all values: none of them is older than another. */
  readonly isOneMoment: boolean
}

export interface SendOptions extends DeadlineOptions {
  /** Deadline of the commands in milliseconds. Default: that of the store. */
  readonly timeoutMs?: number
}

/** One server: the only one of a store, or a master of a Cluster. */
export interface Server {
  /** Text for people: address and database. */
  readonly description: string
  readonly clock: ServerClock
  readonly isReady: boolean
  /** Its circuit breaker. */
  readonly health: StoreHealth
  /** Whether a command is unanswered after its deadline. */
  readonly isSilent: boolean
  /** Sends a command, and rejects with an error reply. */
  send(command: Command, options?: SendOptions): Promise<unknown>
  /** Sends several commands at once. Each has its own reply, which may be an error. */
  sendAll(commands: readonly Command[], options?: SendOptions): Promise<unknown[]>
  /** Calls `listener` whenever a new connection can take commands. */
  onReady(listener: () => void): void
  /** Calls `listener` whenever the connection is lost. */
  onLost(listener: () => void): void
  /** A second client for this server, not connected yet, for subscriptions. */
  openSubscriber(): Redis
  /** Probes it at once while its circuit breaker is open. */
  probe(): Promise<void>
}

/** The servers that hold the names of one store: one server, or the masters of a Cluster. */
export interface Servers {
  /** Text for people: addresses and database, never a password. */
  readonly description: string
  /** Key prefix of the client or the options that were handed in. */
  readonly clientPrefix: string
  /** Runs a script whose keys are of one slot; `args` are its arguments after the deadline. */
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<ScriptReply>
  /** Reads values: of one moment where one command reads them all (`isOneMoment`), else at any moments within the call. */
  read<T>(names: readonly string[], toResult: (read: ServerRead) => T, tracked?: boolean): Promise<T>
  /** Reads like `read`. Callers with the same `id` share the result until it has been sent. */
  readShared<T>(
    id: string,
    names: () => readonly string[],
    toResult: (read: ServerRead) => T,
    tracked?: boolean,
  ): Promise<T>
  /** Sends plain commands to the server of this name. Each has its own reply, which may be an error. */
  sendTo(name: string, commands: readonly Command[], options?: SendOptions): Promise<unknown[]>
  /** Whether a server leaves a command unanswered after its deadline. */
  readonly isSilent: boolean
  /** Their circuit breakers. */
  readonly health: StoreHealth
  /** Probes those whose circuit breaker is open. */
  probe(): Promise<void>
  /** Every server. */
  masters(): Promise<readonly Server[]>
  /** The keys that `check()` writes, one on each server. */
  probeNames(names: Names): Promise<readonly string[]>
  /** Tracking of all servers. Its epoch covers tracked reads from then on. */
  openTracking(names: Names, timeoutMs: number): StoreTracking
  /** A client for any of the servers, not connected yet, that gets what is published on all of them. */
  openSubscriber(): Redis
  /** Clock of the server of this name. */
  clockOf(name: string): ServerClock
  /** Sends what waits, and resolves when it is answered or has failed. It does not wait for a server that is silent. */
  flush(): Promise<void>
  close(): void
}

export interface ServersOptions {
  readonly redis: RedisTarget | ServerAccess
  readonly connectTimeoutMs: number
  /** Deadline of a command in milliseconds, connecting included. */
  readonly timeoutMs: number
  /** Maximum size of a value that is fetched. */
  readonly maxBytes: number
  /** Returns the tracking whose epoch covers tracked reads. It is called when a read is sent: tracking is opened later. */
  readonly tracking: () => Pick<Tracking, 'epoch'>
}
