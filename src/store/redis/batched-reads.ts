import { ignore } from '../../background.js'
import { isErrorReply } from '../error-reply.js'
import type { Tracking } from '../tracking.js'
import type { ServerClock } from './clock.js'
import type { Command } from './command.js'
import type { Connection } from './connection.js'
import type { Greeting } from './greeting.js'
import type { LargeValues } from './large-values.js'
import { asNotResponding, isConnectionLost, isServerGone } from './not-responding.js'
import type { ReadBatch, ToResult } from './read-batch.js'
import { ReadQueue } from './read-queue.js'
import { readsBySlot } from './reads-by-slot.js'
import { TRACK_NEXT } from './tracking.js'

interface Answer {
  readonly values: (Buffer | null | Error)[]
  /** Whether the server reports later changes of these values. */
  readonly isTracked: boolean
  /** Whether one command has read them all, or those with the same number in `commandOf`. */
  readonly isOneMoment: boolean
  readonly commandOf?: readonly number[]
}

interface BatchedReadsOptions {
  readonly connection: Connection
  readonly clock: ServerClock
  readonly greeting: Greeting
  readonly large: LargeValues
  readonly tracking: Pick<Tracking, 'epoch'>
  readonly timeoutMs: number
  /** In a Cluster a command has names of one slot. */
  readonly slotOf?: ((name: string) => number) | undefined
}

/**
 * The reads of one tick as one `MGET`, which has each name once.
 * @see https://redis.io/docs/latest/commands/mget/
 */
export class BatchedReads {
  readonly #connection: Connection
  readonly #clock: ServerClock
  readonly #greeting: Greeting
  readonly #large: LargeValues
  readonly #tracking: Pick<Tracking, 'epoch'>
  readonly #timeoutMs: number
  readonly #slotOf: ((name: string) => number) | undefined
  readonly #queue = new ReadQueue()

  constructor({ connection, clock, greeting, large, tracking, timeoutMs, slotOf }: BatchedReadsOptions) {
    this.#slotOf = slotOf
    this.#connection = connection
    this.#clock = clock
    this.#greeting = greeting
    this.#large = large
    this.#tracking = tracking
    this.#timeoutMs = timeoutMs
    connection.onTooLarge((commands) => {
      for (const [command, ...names] of commands)
        if (command === 'MGET') this.#large.suspect(names.map(String))
    })
  }

  /** The batch that takes further reads, until it is sent. */
  get open(): ReadBatch | undefined {
    return this.#queue.open
  }

  /** Adds a read to the batch of this tick. */
  add<T>(names: readonly string[], toResult: ToResult<T>, tracked: boolean): Promise<T> {
    const batch = this.#queue.batchFor(names.length)
    if (tracked) batch.isTracked = true
    const positions = names.map((name) => batch.add(name))
    return new Promise((resolve, reject) => {
      batch.reads.push({ positions, resolve: (...answer) => resolve(toResult(...answer)), reject })
    })
  }

  /** Adds a read, or returns the result of one with the same id that has not been sent yet. */
  addShared<T>(
    id: string,
    names: () => readonly string[],
    toResult: ToResult<T>,
    tracked: boolean,
  ): Promise<T> {
    const { open } = this.#queue
    const shared = open?.shared.get(id) as Promise<T> | undefined
    if (open && shared !== undefined) {
      if (tracked) open.isTracked = true
      return shared
    }
    const reading = this.add(names(), toResult, tracked)
    this.#queue.open?.shared.set(id, reading)
    return reading
  }

  /** Sends the batches that may be sent now. */
  send(): void {
    for (let batch = this.#queue.next(); batch; batch = this.#queue.next()) void this.#sendBatch(batch)
  }

  async #sendBatch(batch: ReadBatch): Promise<void> {
    const deadline = performance.now() + this.#timeoutMs
    try {
      // Its deadline is no later than this one; where it fails, this read fails by itself.
      if (this.#greeting.underWay !== undefined) await this.#greeting.underWay.catch(ignore)
      const epoch = batch.isTracked ? this.#tracking.epoch : undefined
      const answer = await this.#readAll(batch.names, epoch !== undefined, deadline)
      // An epoch that has ended meanwhile does not cover the answer.
      const covering = answer.isTracked && this.#tracking.epoch === epoch ? epoch : undefined
      batch.answer(answer.values, covering, answer.isOneMoment, answer.commandOf)
    } catch (error) {
      batch.fail(error)
      // Reads that have waited for as long as an answer may take would not be answered either.
      if (isServerGone(error, this.#connection, this.#timeoutMs)) {
        for (const old of this.#queue.takeOlderThan(performance.now() - this.#timeoutMs)) old.fail(error)
      }
    } finally {
      this.#queue.settled(batch)
      this.send()
    }
  }

  async #readAll(names: readonly string[], tracked: boolean, deadline: number): Promise<Answer> {
    if (this.#large.mayBeAmong(names)) return await this.#readLarge(names, deadline)
    // Before the clock is looked at: another server may have another.
    if (!this.#connection.isReady) await this.#connection.ready(deadline)
    try {
      return await this.#readTogether(names, tracked, deadline)
    } catch (error) {
      if (!isErrorReply(error)) this.#large.suspect(names)
      if (performance.now() >= deadline || !isConnectionLost(error)) throw error
      // Lost with its connection, maybe after a reply that was too large: reading again does no harm.
      await this.#connection.ready(deadline)
      return await this.#readLarge(names, deadline)
    }
  }

  async #readLarge(names: readonly string[], deadline: number): Promise<Answer> {
    const values = await this.#large.read(names, (commands) => this.#connection.sendAll(commands, deadline))
    if (!this.#clock.isRecent(performance.now())) {
      const sentAt = performance.now()
      this.#clock.sampleReply((await this.#connection.send(TIME, deadline)) as Buffer[], sentAt)
    }
    return { values, isTracked: false, isOneMoment: false }
  }

  async #readTogether(names: readonly string[], tracked: boolean, deadline: number): Promise<Answer> {
    if (this.#slotOf !== undefined) return await this.#readBySlot(names, tracked, deadline, this.#slotOf)
    const read: Command = ['MGET', ...names]
    // Freshness is decided in the server's time, so its clock must have been sampled not long ago.
    const isClockKnown = this.#clock.isRecent(performance.now())
    if (!tracked && isClockKnown) {
      const values = (await this.#connection.send(read, deadline)) as Answer['values']
      return { values, isTracked: false, isOneMoment: true }
    }
    const sentAt = performance.now()
    const replies = await this.#connection.sendAll(
      [...(tracked ? [TRACK_NEXT] : []), read, ...(isClockKnown ? [] : [TIME])],
      deadline,
    )
    const values = replies[tracked ? 1 : 0]
    if (values instanceof Error) throw asNotResponding(values)
    const time = replies.at(-1)
    if (!isClockKnown) {
      if (!Array.isArray(time)) throw asNotResponding(time)
      this.#clock.sampleReply(time, sentAt)
    }
    const isTracked = tracked && !(replies[0] instanceof Error)
    return { values: values as Answer['values'], isTracked, isOneMoment: true }
  }

  /** One command for each slot. A slot that another node has by now fails alone. */
  async #readBySlot(
    names: readonly string[],
    tracked: boolean,
    deadline: number,
    slotOf: (name: string) => number,
  ): Promise<Answer> {
    const { commands, toValues, slots } = readsBySlot(names, slotOf, tracked)
    const isClockKnown = this.#clock.isRecent(performance.now())
    const sentAt = performance.now()
    const replies = await this.#connection.sendAll(isClockKnown ? commands : [...commands, TIME], deadline)
    if (!isClockKnown) {
      const time = replies.pop()
      if (!Array.isArray(time)) throw asNotResponding(time)
      this.#clock.sampleReply(time, sentAt)
    }
    const values = toValues(replies)
    const lost = values.find((value) => value instanceof Error && isConnectionLost(value))
    if (lost !== undefined) throw lost
    const isTracked = tracked && replies.every((reply, index) => index % 2 === 1 || !(reply instanceof Error))
    return { values, isTracked, isOneMoment: true, commandOf: slots }
  }
}

const TIME: Command = ['TIME']
