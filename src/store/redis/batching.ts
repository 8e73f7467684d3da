// The machine's own, also while a test has faked the global one: it is the end of this tick, and no time.
import { setImmediate } from 'node:timers'
import type { Tracking } from '../tracking.js'
import { BatchedReads } from './batched-reads.js'
import { BatchedWrites } from './batched-writes.js'
import { ServerClock } from './clock.js'
import type { Argument } from './command.js'
import type { Connection } from './connection.js'
import { Greeting } from './greeting.js'
import { LargeValues } from './large-values.js'
import type { ReadBatch, ToResult } from './read-batch.js'
import type { ScriptReply, Write } from './script-calls.js'
import type { Script } from './scripts/script.js'
import type { WriteOrder } from './write-order.js'

/** Differences of a node of a Cluster: a command has names of one slot. */
export interface InCluster {
  readonly slotOf?: (name: string) => number
  /** The order of writes to all nodes. */
  readonly order?: WriteOrder
}

/**
 * Collects what is called in one tick and sends it at its end: the writes, then the reads. A read shares only a command
 * that has not been sent yet, so it never gets a value that is older than its call.
 *
 * Deadlines begin when a command is sent: a process that was busy, or sends very much, does not take its own delay for
 * the server's.
 */
export class Batching {
  readonly clock = new ServerClock()
  readonly #connection: Connection
  readonly #reads: BatchedReads
  readonly #writes: BatchedWrites
  #isScheduled = false

  /** A value of more than `maxBytes` is not fetched, and is read as one that is not of this cache. */
  constructor(
    connection: Connection,
    tracking: Pick<Tracking, 'epoch'>,
    timeoutMs: number,
    maxBytes: number,
    { slotOf, order }: InCluster = {},
  ) {
    this.#connection = connection
    const greeting = new Greeting(connection, this.clock)
    const large = new LargeValues(maxBytes, slotOf)
    const shared = { connection, clock: this.clock, greeting, large, timeoutMs }
    this.#reads = new BatchedReads({ ...shared, tracking, slotOf })
    this.#writes = new BatchedWrites({ ...shared, order })
  }

  /** The reads that have not been sent yet, to be compared: a further read shares its results only with these. */
  get openReads(): ReadBatch | undefined {
    return this.#reads.open
  }

  /** Reads the values under these names, all of one moment after this call. */
  read<T>(names: readonly string[], toResult: ToResult<T>, tracked = false): Promise<T> {
    this.#schedule()
    return this.#reads.add(names, toResult, tracked)
  }

  /** Reads like `read`. Callers with the same `id` share the result until it has been sent. */
  readShared<T>(
    id: string,
    names: () => readonly string[],
    toResult: ToResult<T>,
    tracked = false,
  ): Promise<T> {
    this.#schedule()
    return this.#reads.addShared(id, names, toResult, tracked)
  }

  /** Runs a script; `args` are its arguments after the deadline. */
  run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<ScriptReply> {
    return this.runWrite({ script, keys, args })
  }

  /** Runs a script, which may have been refused before by a node of a Cluster that does not have its slot. */
  runWrite(write: Write): Promise<ScriptReply> {
    return this.#writes.run(write, this.#schedule)
  }

  /** Sends what waits, and resolves when it is answered or has failed. It does not wait for a server that is silent. */
  async flush(): Promise<void> {
    this.#send()
    if (!this.#connection.isSilent) await this.#writes.settled()
  }

  readonly #schedule = (): void => {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#send)
  }

  // Runs in a timer: all that can throw is in promises, whose callers it rejects.
  readonly #send = (): void => {
    this.#isScheduled = false
    this.#writes.send()
    this.#reads.send()
  }
}
