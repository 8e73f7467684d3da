import type { ServerClock } from './clock.js'
import type { Command } from './command.js'
import type { Connection } from './connection.js'
import { asNotResponding } from './not-responding.js'
import { SCRIPTS } from './scripts/all.js'

/**
 * Prepares the server of each new connection for scripts: reads its clock, in whose time their deadlines are, and
 * loads all scripts. A script that the server did not know would be sent again, and would run after those that were sent later.
 */
export class Greeting {
  readonly #connection: Connection
  readonly #clock: ServerClock
  #isLoaded = false
  /** Number of connections that were lost. */
  #losses = 0
  #refusal: Error | undefined
  #underWay: Promise<void> | undefined

  constructor(connection: Connection, clock: ServerClock) {
    this.#connection = connection
    this.#clock = clock
    connection.onLost(() => {
      clock.forget()
      this.#isLoaded = false
      this.#losses++
    })
  }

  /** Whether scripts can be sent. */
  get isDone(): boolean {
    return this.#connection.isReady && this.#clock.known && this.#isLoaded
  }

  /** The error with which the server has refused to load a script; another client may have loaded it all the same. */
  get refusal(): Error | undefined {
    return this.#refusal
  }

  /** Settles with the greeting that is under way. Reads wait for it too, or they would overtake the writes that wait. */
  get underWay(): Promise<void> | undefined {
    return this.#underWay
  }

  /** Connects where necessary, and greets the server. */
  run(deadline: number): Promise<void> {
    const underWay = this.#untilDone(deadline).finally(() => {
      if (this.#underWay === underWay) this.#underWay = undefined
    })
    this.#underWay = underWay
    return underWay
  }

  /** Greets a server again that has lost its scripts. */
  async repeat(deadline: number): Promise<void> {
    this.#isLoaded = false
    await this.run(deadline)
  }

  async #untilDone(deadline: number): Promise<void> {
    while (!this.isDone) {
      if (this.#connection.isReady) await this.#greet(deadline)
      else await this.#connection.ready(deadline)
    }
  }

  async #greet(deadline: number): Promise<void> {
    const sentAt = performance.now()
    const losses = this.#losses
    const [time, ...loaded] = await this.#connection.sendAll([['TIME'], ...LOADING], deadline)
    // Of a server that is gone: the next one has not been greeted yet.
    if (losses !== this.#losses) return
    if (!Array.isArray(time)) throw asNotResponding(time)
    this.#clock.sampleReply(time, sentAt)
    this.#refusal = loaded.find((reply): reply is Error => reply instanceof Error)
    this.#isLoaded = true
  }
}

/** @see https://redis.io/docs/latest/commands/script-load/ */
const LOADING = SCRIPTS.map(({ lua }): Command => ['SCRIPT', 'LOAD', lua])
