import type { Redis } from 'ioredis'
import type { DeadlineOptions } from '../deadline.js'
import type { StoreHealth } from '../health.js'
import type { Tracking } from '../tracking.js'
import type { ServerAccess } from './access.js'
import { Batching } from './batching.js'
import type { ServerClock } from './clock.js'
import type { Argument, Command } from './command.js'
import { Connection } from './connection.js'
import type { Names } from './names.js'
import type { ScriptReply } from './script-calls.js'
import type { Script } from './scripts/script.js'
import type { RedisTarget } from './target.js'
import { RedisTracking, type StoreTracking } from './tracking.js'

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
  /** Its epoch covers tracked reads. It may be made after the servers: it is used when a read is sent. */
  readonly tracking: () => Pick<Tracking, 'epoch'>
}

/** One server, reached by one connection. */
export class SingleServer implements Servers, Server {
  readonly clientPrefix: string
  readonly #connection: Connection
  readonly #batching: Batching
  readonly #timeoutMs: number

  constructor({ redis, connectTimeoutMs, timeoutMs, maxBytes, tracking }: ServersOptions) {
    this.#connection = new Connection(redis, connectTimeoutMs, timeoutMs)
    this.clientPrefix = this.#connection.clientPrefix
    const epochs = {
      get epoch() {
        return tracking().epoch
      },
    }
    this.#batching = new Batching(this.#connection, epochs, timeoutMs, maxBytes)
    this.#timeoutMs = timeoutMs
  }

  get description(): string {
    return this.#connection.description
  }

  get clock(): ServerClock {
    return this.#batching.clock
  }

  get isReady(): boolean {
    return this.#connection.isReady
  }

  get isSilent(): boolean {
    return this.#connection.isSilent
  }

  get health(): StoreHealth {
    return this.#connection.health
  }

  probe(): Promise<void> {
    return this.#connection.probe(this.#deadline())
  }

  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<ScriptReply> {
    return this.#batching.run(script, keys, args)
  }

  read<T>(names: readonly string[], toResult: (read: ServerRead) => T, tracked?: boolean): Promise<T> {
    return this.#batching.read(names, this.#toRead(toResult), tracked)
  }

  readShared<T>(
    id: string,
    names: () => readonly string[],
    toResult: (read: ServerRead) => T,
    tracked?: boolean,
  ): Promise<T> {
    return this.#batching.readShared(id, names, this.#toRead(toResult), tracked)
  }

  sendTo(_name: string, commands: readonly Command[], options?: SendOptions): Promise<unknown[]> {
    return this.sendAll(commands, options)
  }

  send(command: Command, options?: SendOptions): Promise<unknown> {
    return this.#connection.send(command, this.#deadline(options), options)
  }

  sendAll(commands: readonly Command[], options?: SendOptions): Promise<unknown[]> {
    return this.#connection.sendAll(commands, this.#deadline(options), options)
  }

  async masters(): Promise<readonly Server[]> {
    return [this]
  }

  async probeNames(names: Names): Promise<readonly string[]> {
    return [names.probe()]
  }

  openTracking(names: Names, timeoutMs: number): StoreTracking {
    return new RedisTracking(this, names, timeoutMs)
  }

  clockOf(_name: string): ServerClock {
    return this.clock
  }

  onReady(listener: () => void): void {
    this.#connection.onReady(listener)
  }

  onLost(listener: () => void): void {
    this.#connection.onLost(listener)
  }

  /** Calls `listener` when the server says whether it is a node of a Cluster. See `Connection.onKind`. */
  onKind(listener: (isCluster: boolean) => void): void {
    this.#connection.onKind(listener)
  }

  openSubscriber(): Redis {
    return this.#connection.openSubscriber()
  }

  flush(): Promise<void> {
    return this.#batching.flush()
  }

  close(): void {
    this.#connection.close()
  }

  #deadline({ timeoutMs = this.#timeoutMs }: SendOptions = {}): number {
    return performance.now() + timeoutMs
  }

  #toRead<T>(toResult: (read: ServerRead) => T) {
    return (values: (Buffer | null)[], epoch: number | undefined, isOneMoment: boolean): T =>
      toResult({ values, now: this.clock.at(performance.now()), epoch, isOneMoment })
  }
}
