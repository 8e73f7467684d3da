import type { ServerClock } from './clock.js'
import { type Command, sizeOf } from './command.js'
import type { Connection } from './connection.js'
import type { Greeting } from './greeting.js'
import type { LargeValues } from './large-values.js'
import { asNotResponding, isServerGone, notResponding } from './not-responding.js'
import { ASKING, isRedirection } from './redirection.js'
import { commandOf, grouped, type ScriptReply, type Write } from './script-calls.js'
import { LATE } from './scripts/script.js'
import { overtakenError, WriteOrder } from './write-order.js'
import { WriteQueue } from './write-queue.js'

/** Maximum number of writes of one tick that are sent at once. Of more, the next are sent when these are answered. */
const MAX_WRITES = 256

/** Maximum number of times that a write is sent which the server has refused as late, and so has not run. */
const MAX_ATTEMPTS = 3

/** Timers may fire a moment early: a write must not run after its caller got an error. */
const SLACK_MS = 2

interface BatchedWritesOptions {
  readonly connection: Connection
  readonly clock: ServerClock
  readonly greeting: Greeting
  readonly large: LargeValues
  readonly timeoutMs: number
  /** That of all nodes of a Cluster: a write may have to be sent to another node. Default: one of its own. */
  readonly order?: WriteOrder | undefined
}

/** The script calls of one tick, sent together and in the order of their calls. */
export class BatchedWrites {
  readonly #connection: Connection
  readonly #clock: ServerClock
  readonly #greeting: Greeting
  readonly #large: LargeValues
  readonly #timeoutMs: number
  #ofThisTick: Write[] = []
  /** Holds what is too much for one batch: later writes of a key must not overtake earlier ones. */
  #queue: WriteQueue | undefined
  readonly #order: WriteOrder
  readonly #underWay = new Set<Promise<void>>()

  constructor({
    connection,
    clock,
    greeting,
    large,
    timeoutMs,
    order = new WriteOrder(),
  }: BatchedWritesOptions) {
    this.#order = order
    this.#connection = connection
    this.#clock = clock
    this.#greeting = greeting
    this.#large = large
    this.#timeoutMs = timeoutMs
  }

  /**
   * Runs a script. `onAdded` is called whenever it waits to be sent.
   * A script that came too late did nothing: it is sent again, with a deadline by what its reply said of the server's
   * clock. It is rejected instead where a later write of this process covers its key, which it would undo.
   */
  async run(write: Write, onAdded: () => void): Promise<ScriptReply> {
    for (let attempt = 1; ; attempt++) {
      // Each attempt has a deadline of its own. The write keeps its number, by which `WriteOrder` finds later writes.
      write.deadline = undefined
      const answer = this.#add(write)
      onAdded()
      const reply = await answer
      if (reply.status !== LATE) return reply
      // This process was late, or its estimate of the server's clock was wrong: the server itself answered in time.
      if (attempt === MAX_ATTEMPTS) throw notResponding('a write reached it after its deadline')
    }
  }

  /** Sends what was added in this tick. */
  send(): void {
    if (this.#ofThisTick.length === 0) return
    if (this.#queue) this.#queue.add(this.#ofThisTick)
    else {
      const sending = this.#sendAll(this.#ofThisTick).finally(() => this.#underWay.delete(sending))
      this.#underWay.add(sending)
    }
    this.#ofThisTick = []
  }

  /** Resolves when everything that was sent is answered, or has failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  #add(write: Write): Promise<ScriptReply> {
    return new Promise((resolve, reject) => {
      // Here, where an argument that cannot be sent rejects its own caller alone.
      write.bytes = sizeOf(write.args)
      this.#ofThisTick.push(Object.assign(write, { resolve, reject }))
    })
  }

  /** Sends the writes of one tick, in several batches where they are many. Once the server is gone, all of them fail. */
  async #sendAll(writes: Write[]): Promise<void> {
    if (writes.length <= MAX_WRITES) {
      await this.#sendBatch(writes).catch((error: unknown) => rejectAll(writes, error))
      return
    }
    const queue = new WriteQueue()
    queue.add(writes)
    this.#queue = queue
    while (!queue.isEmpty) {
      const batch = queue.take()
      await this.#sendBatch(batch).catch(async (error: unknown) => {
        rejectAll(batch, error)
        const isGone = isServerGone(error, this.#connection, this.#timeoutMs)
        if (isGone && !(await this.#answersAgain())) rejectAll(queue.takeAll(), error)
      })
    }
    this.#queue = undefined
  }

  /** Sends one batch. Its deadline begins now, and includes connecting and the greeting of a new connection. */
  async #sendBatch(batch: readonly Write[]): Promise<void> {
    const deadline = this.#deadline()
    for (const write of batch) write.deadline ??= Math.min(deadline, write.limit ?? deadline)
    if (!this.#greeting.isDone) await this.#greeting.run(deadline)
    const unknown = await this.#evaluate(batch, deadline)
    if (unknown.length === 0) return
    // Later batches wait for the same greeting, so that they do not run before these.
    await this.#greeting.repeat(deadline)
    for (const write of await this.#evaluate(unknown, deadline)) {
      write.reject?.(asNotResponding(this.#greeting.refusal ?? notResponding('it does not keep scripts')))
    }
  }

  /** Runs scripts and settles their writes. Returns those whose script the server does not know. */
  async #evaluate(batch: readonly Write[], deadline: number): Promise<Write[]> {
    const writes = batch.filter((write) => {
      const isAdmitted = this.#order.admit(write)
      if (!isAdmitted) write.reject?.(overtakenError())
      return isAdmitted
    })
    if (writes.length === 0) return []
    const sentAt = performance.now()
    const groups = grouped(writes)
    const commands = groups.flatMap((group): Command[] => {
      const command = commandOf(group, (write) => this.#serverDeadline(write, deadline))
      return group[0]?.isAsking ? [ASKING, command] : [command]
    })
    const all = await this.#connection.sendAll(commands, deadline)
    const replies = all.length === groups.length ? all : all.filter((_, index) => commands[index] !== ASKING)
    const receivedAt = performance.now()
    const unknown: Write[] = []
    const notRun: Write[] = []
    for (const [index, group] of groups.entries()) {
      const reply = replies[index]
      const isUnknown = isUnknownScript(reply)
      const areSeveral = group.length > 1 && Array.isArray(reply)
      for (const [call, write] of group.entries()) {
        if (isUnknown) unknown.push(write)
        const hasRun = !isUnknown && this.#settle(write, areSeveral ? reply[call] : reply, sentAt, receivedAt)
        if (!hasRun) notRun.push(write)
      }
    }
    this.#order.undo(notRun)
    return unknown
  }

  /** Deadline of a write in the server's time. */
  #serverDeadline(write: Write, deadline: number): number {
    return Math.floor(this.#clock.at((write.deadline ?? deadline) - SLACK_MS))
  }

  /** Returns false for a write that did nothing: it came too late, or to a node that does not have its slot. */
  #settle(write: Write, reply: unknown, sentAt: number, receivedAt: number): boolean {
    if (!Array.isArray(reply)) {
      this.#connection.noticeRefusal(reply)
      write.reject?.(asNotResponding(reply))
      return !isRedirection(reply)
    }
    const [status, now, ...rest] = reply as [number, number, ...unknown[]]
    // Late by its own clock: the estimate was wrong, and this reply is the better one.
    if (status === LATE) this.#clock.correct(now, sentAt, receivedAt)
    else this.#clock.sample(now, sentAt, receivedAt)
    this.#large.forget(write.keys)
    write.resolve?.({ status, now, rest })
    return status !== LATE
  }

  /** Whether one command alone took too long: a server that answers again can take the writes that wait. */
  async #answersAgain(): Promise<boolean> {
    if (!this.#connection.isReady) return false
    return await this.#connection.send(['TIME'], this.#deadline()).then(
      () => true,
      () => false,
    )
  }

  #deadline(): number {
    return performance.now() + this.#timeoutMs
  }
}

function rejectAll(writes: readonly Write[], error: unknown): void {
  for (const write of writes) write.reject?.(error)
}

/** @see https://redis.io/docs/latest/commands/evalsha/ */
function isUnknownScript(reply: unknown): boolean {
  return reply instanceof Error && reply.message.startsWith('NOSCRIPT')
}
