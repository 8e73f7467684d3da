// The machine's own, also while a test has faked the global one: it is the end of this tick, and no time.
import { setImmediate } from 'node:timers'
import { ignore } from '../../background.js'
import { CacheNotRespondingError } from '../../errors.js'
import type { Tracking } from '../tracking.js'
import { ServerClock } from './clock.js'
import { type Argument, asNotResponding, type Command, type Connection, sizeOf } from './connection.js'
import { LargeValues } from './large-values.js'
import type { ReadBatch, Shape } from './read-batch.js'
import { ReadLine } from './read-line.js'
import { commandOf, grouped, type ScriptReply, type Write } from './script-calls.js'
import { SCRIPTS } from './scripts/all.js'
import { LATE, type Script } from './scripts/script.js'
import { TRACK_NEXT } from './tracking.js'
import { WriteLine } from './write-line.js'
import { WriteOrder } from './write-order.js'

/** Maximum number of writes of one tick that leave at once; of more, the next go when these are answered. */
const MAX_WRITES = 256

/** Maximum number of times that a write is sent which the server finds too late, and so does not carry out. */
const MAX_ATTEMPTS = 3

/** Timers may fire a moment early: what its caller is told has failed must not be done after that. */
const SLACK_MS = 2

interface Answer {
  readonly values: (Buffer | null)[]
  /** Whether the server tells of changes of it. */
  readonly isTracked: boolean
}

/**
 * Gathers what one tick asks for: all its reads travel as one `MGET` in which
 * every name stands once, its writes in one go before them. A read shares only
 * a command that has not been sent yet, so none is ever answered with what
 * stood before it was asked.
 *
 * Deadlines begin when a command is sent, so that a process that was busy, or
 * sends very much, does not take its own delay for the server's.
 *
 * @see https://redis.io/docs/latest/commands/mget/
 */
export class Batching {
  readonly clock = new ServerClock()
  readonly #connection: Connection
  readonly #tracking: Pick<Tracking, 'epoch'>
  readonly #timeoutMs: number
  readonly #reads = new ReadLine()
  readonly #large: LargeValues
  #writes: Write[] = []
  /** Of writes that are too many for one go, those that wait for their turn: later ones of a key must not overtake them. */
  #line: WriteLine | undefined
  readonly #order = new WriteOrder()
  #isGreeted = false
  /** While writes wait for the server to be connected to and greeted. */
  #meeting: Promise<void> | undefined
  readonly #writing = new Set<Promise<void>>()
  #scheduled = false

  /** A value of more than `maxBytes` is not fetched: it is read as something foreign. */
  constructor(
    connection: Connection,
    tracking: Pick<Tracking, 'epoch'>,
    timeoutMs: number,
    maxBytes: number,
  ) {
    this.#large = new LargeValues(maxBytes)
    this.#connection = connection
    this.#tracking = tracking
    this.#timeoutMs = timeoutMs
    connection.onTooLarge((commands) => {
      for (const [command, ...names] of commands)
        if (command === 'MGET') this.#large.suspect(names.map(String))
    })
    connection.onLost(() => {
      this.clock.forget()
      this.#isGreeted = false
    })
  }

  /** The values under these names, as they stand at one moment after this call, in the shape wanted. */
  read<T>(names: readonly string[], shape: Shape<T>, tracked = false): Promise<T> {
    const batch = this.#reads.batchFor(names.length)
    if (tracked) batch.isTracked = true
    const positions = names.map((name) => batch.add(name))
    this.#schedule()
    return new Promise((resolve, reject) => {
      batch.reads.push({ positions, resolve: (values, epoch) => resolve(shape(values, epoch)), reject })
    })
  }

  /** The same for callers who want the same thing, by this id, before it has been sent: they share the answer. */
  readShared<T>(id: string, names: () => readonly string[], shape: Shape<T>, tracked = false): Promise<T> {
    const { open } = this.#reads
    const shared = open?.shared.get(id) as Promise<T> | undefined
    if (open && shared !== undefined) {
      if (tracked) open.isTracked = true
      return shared
    }
    const reading = this.read(names(), shape, tracked)
    this.#reads.open?.shared.set(id, reading)
    return reading
  }

  /**
   * Runs a script; `args` are what follows its deadline. A script that came too
   * late did nothing: it is sent again, with what its reply said of the server's clock. It is rejected instead where a
   * later write of this process has overtaken it, which it would undo.
   */
  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<ScriptReply> {
    const write: Write = { script, keys, args }
    for (let attempt = 1; ; attempt++) {
      // The deadline begins again; its number stays, by which later writes are known.
      write.expires = undefined
      const reply = await this.#enqueue(write)
      if (reply.status !== LATE) return reply
      // The caller would know if the server had been late: this process was, or its estimate of that clock was wrong.
      if (attempt === MAX_ATTEMPTS) {
        throw new CacheNotRespondingError('Redis is not responding: a write came too late.')
      }
    }
  }

  /** Sends what waits and resolves when it is answered, or has failed: from a server that is silent, nothing is waited for. */
  async flush(): Promise<void> {
    this.#flush()
    if (!this.#connection.isSilent) await Promise.all(this.#writing)
  }

  #enqueue(write: Write): Promise<ScriptReply> {
    return new Promise((resolve, reject) => {
      // Here, where what cannot be sent rejects its own caller alone.
      write.bytes = sizeOf(write.args)
      this.#writes.push(Object.assign(write, { resolve, reject }))
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#flush())
  }

  // Runs in a timer: all that can throw is in promises, whose callers it rejects.
  #flush(): void {
    this.#scheduled = false
    if (this.#writes.length > 0) {
      if (this.#line) this.#line.add(this.#writes)
      else {
        const writing = this.#sendWrites(this.#writes).finally(() => this.#writing.delete(writing))
        this.#writing.add(writing)
      }
      this.#writes = []
    }
    this.#sendReads()
  }

  #sendReads(): void {
    for (let batch = this.#reads.next(); batch; batch = this.#reads.next()) void this.#sendRead(batch)
  }

  async #sendRead(batch: ReadBatch): Promise<void> {
    const deadline = this.#deadline()
    try {
      // Its deadline is no later than this one; if it fails, this read finds out for itself.
      if (this.#meeting !== undefined) await this.#meeting.catch(ignore)
      const epoch = batch.isTracked ? this.#tracking.epoch : undefined
      const { values, isTracked } = await this.#readAll(batch.names, epoch !== undefined, deadline)
      // What an epoch has not outlasted, it does not cover.
      batch.answer(values, isTracked && this.#tracking.epoch === epoch ? epoch : undefined)
    } catch (error) {
      batch.fail(error)
      // What has been waiting for as long as an answer may take would go unanswered too.
      if (this.#isGone(error)) {
        for (const old of this.#reads.takeOlderThan(performance.now() - this.#timeoutMs)) old.fail(error)
      }
    } finally {
      this.#reads.settled(batch)
      this.#sendReads()
    }
  }

  async #readAll(names: readonly string[], tracked: boolean, deadline: number): Promise<Answer> {
    if (this.#large.mayBeAmong(names)) return await this.#readLarge(names, deadline)
    const isSent = this.#connection.isReady
    try {
      return await this.#readTogether(names, tracked, deadline)
    } catch (error) {
      if (isSent && !isRefusal(error)) this.#large.suspect(names)
      if (!isSent || performance.now() >= deadline || !isLost(error)) throw error
      // Lost with its connection, maybe behind a reply that was too large: reading again does no harm.
      await this.#connection.ready(deadline)
      return await this.#readLarge(names, deadline)
    }
  }

  async #readLarge(names: readonly string[], deadline: number): Promise<Answer> {
    const values = await this.#large.read(names, (commands) => this.#connection.sendAll(commands, deadline))
    if (!this.clock.isRecent(performance.now())) {
      const left = performance.now()
      this.#sampleTime((await this.#connection.send(TIME, deadline)) as Buffer[], left)
    }
    return { values, isTracked: false }
  }

  async #readTogether(names: readonly string[], tracked: boolean, deadline: number): Promise<Answer> {
    const read: Command = ['MGET', ...names]
    // Freshness is judged on the server's clock, so what is known of it must not grow old.
    const isClockKnown = this.clock.isRecent(performance.now())
    if (!tracked && isClockKnown) {
      return { values: (await this.#connection.send(read, deadline)) as Answer['values'], isTracked: false }
    }
    const left = performance.now()
    const replies = await this.#connection.sendAll(
      [...(tracked ? [TRACK_NEXT] : []), read, ...(isClockKnown ? [] : [TIME])],
      deadline,
    )
    const values = replies[tracked ? 1 : 0]
    if (values instanceof Error) throw asNotResponding(values)
    const time = replies.at(-1)
    if (!isClockKnown && Array.isArray(time)) this.#sampleTime(time, left)
    return { values: values as Answer['values'], isTracked: tracked && !(replies[0] instanceof Error) }
  }

  /** Sends the writes of one tick, in several goes if they are many. Once the server is gone, those that wait fail too. */
  async #sendWrites(writes: Write[]): Promise<void> {
    if (writes.length <= MAX_WRITES) {
      await this.#sendGo(writes).catch((error: unknown) => rejectAll(writes, error))
      return
    }
    const line = new WriteLine()
    line.add(writes)
    this.#line = line
    while (!line.isEmpty) {
      const go = line.take()
      await this.#sendGo(go).catch(async (error: unknown) => {
        rejectAll(go, error)
        if (this.#isGone(error) && !(await this.#answersAgain())) rejectAll(line.takeAll(), error)
      })
    }
    this.#line = undefined
  }

  /** All that it takes, connecting included, happens before the deadline of the youngest write. */
  async #sendGo(go: readonly Write[]): Promise<void> {
    const deadline = this.#deadline()
    for (const write of go) write.expires ??= deadline
    if (!this.#isAcquainted) await this.#meet(deadline)
    const unknown = await this.#evaluate(go, deadline)
    if (unknown.length === 0) return
    // Later goes wait for the same greeting, so that they do not run before these.
    this.#isGreeted = false
    await this.#meet(deadline)
    for (const write of await this.#evaluate(unknown, deadline)) {
      write.reject?.(new CacheNotRespondingError('Redis is not responding: it forgets its scripts.'))
    }
  }

  /** Whether writes can be sent: a deadline has to be on the clock of the server that gets it, never on that of the last one. */
  get #isAcquainted(): boolean {
    return this.#connection.isReady && this.clock.known && this.#isGreeted
  }

  /** Connects and greets. Reads wait for it too, or they would overtake the writes that wait. */
  #meet(deadline: number): Promise<void> {
    const meeting = this.#becomeAcquainted(deadline).finally(() => {
      if (this.#meeting === meeting) this.#meeting = undefined
    })
    this.#meeting = meeting
    return meeting
  }

  async #becomeAcquainted(deadline: number): Promise<void> {
    while (!this.#isAcquainted) {
      if (this.#connection.isReady) await this.#greet(deadline)
      else await this.#connection.ready(deadline)
    }
  }

  /** Runs scripts and settles their writes, but for those whose script the server does not know. */
  async #evaluate(go: readonly Write[], deadline: number): Promise<Write[]> {
    const writes = go.filter((write) => {
      const isAdmitted = this.#order.admit(write)
      if (!isAdmitted) write.reject?.(overtaken())
      return isAdmitted
    })
    if (writes.length === 0) return []
    const left = performance.now()
    const groups = grouped(writes)
    const commands = groups.map((group) => commandOf(group, (write) => this.#latest(write, deadline)))
    const replies = await this.#connection.sendAll(commands, deadline)
    const came = performance.now()
    const unknown: Write[] = []
    const idle: Write[] = []
    for (const [index, group] of groups.entries()) {
      const reply = replies[index]
      const isUnknown = isUnknownScript(reply)
      const areSeveral = group.length > 1 && Array.isArray(reply)
      for (const [call, write] of group.entries()) {
        if (isUnknown) unknown.push(write)
        const didRun = !isUnknown && this.#settle(write, areSeveral ? reply[call] : reply, left, came)
        if (!didRun) idle.push(write)
      }
    }
    this.#order.undo(idle)
    return unknown
  }

  /** When a script must have run, on the server's clock. */
  #latest({ expires }: Write, deadline: number): number {
    return Math.floor(this.clock.at((expires ?? deadline) - SLACK_MS))
  }

  /** Returns false for a write that came too late, and so did nothing. */
  #settle(write: Write, reply: unknown, left: number, came: number): boolean {
    if (!Array.isArray(reply)) {
      write.reject?.(asNotResponding(reply))
      return true
    }
    const [status, now, ...rest] = reply as [number, number, ...unknown[]]
    // Late by its own clock: then the estimate was wrong, and this reply is the better one.
    if (status === LATE) this.clock.forget()
    this.clock.sample(now, left, came)
    this.#large.forget(write.keys)
    write.resolve?.({ status, now, rest })
    return status !== LATE
  }

  /**
   * Gets to know a server. It is told all scripts, since a write whose script it
   * did not know would be run after those that were sent after it.
   */
  async #greet(deadline: number): Promise<void> {
    const left = performance.now()
    const [time] = await this.#connection.sendAll([['TIME'], ...loading(SCRIPTS)], deadline)
    if (!Array.isArray(time)) throw asNotResponding(time)
    this.#sampleTime(time, left)
    this.#isGreeted = true
  }

  /** @see https://redis.io/docs/latest/commands/time/ */
  #sampleTime([seconds, microseconds]: readonly Buffer[], left: number): void {
    const serverTime = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000)
    this.clock.sample(serverTime, left, performance.now())
  }

  /** Whether a failure means that the server is not there: it is no refusal, and nothing else is answered either. */
  #isGone(error: unknown): boolean {
    return !isRefusal(error) && !this.#connection.hasAnsweredWithin(this.#timeoutMs)
  }

  /** Whether it was one command alone that took too long: a server that answers again can take the writes that wait. */
  async #answersAgain(): Promise<boolean> {
    if (!this.#connection.isReady) return false
    return await this.#connection.send(TIME, this.#deadline()).then(
      () => true,
      () => false,
    )
  }

  #deadline(): number {
    return performance.now() + this.#timeoutMs
  }
}

const TIME: Command = ['TIME']

/** @see https://redis.io/docs/latest/commands/script-load/ */
function loading(scripts: readonly Script[]): Command[] {
  return scripts.map(({ lua }) => ['SCRIPT', 'LOAD', lua])
}

/** Whether the server has answered, with an error. */
function isRefusal(error: unknown): boolean {
  const { cause } = error as Error
  return cause instanceof Error && cause.name === 'ReplyError'
}

/** Whether the connection was lost with the answer. */
function isLost(error: unknown): boolean {
  return (error as Error).cause instanceof Error && !isRefusal(error)
}

function overtaken(): CacheNotRespondingError {
  return new CacheNotRespondingError('Redis is not responding: a later write has overtaken this one.')
}

function rejectAll(writes: readonly Write[], error: unknown): void {
  for (const write of writes) write.reject?.(error)
}

/** @see https://redis.io/docs/latest/commands/evalsha/ */
function isUnknownScript(reply: unknown): boolean {
  return reply instanceof Error && reply.message.startsWith('NOSCRIPT')
}
