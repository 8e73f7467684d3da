// The machine's own, also while a test has faked the global one: it is the end of this tick, and no time.
import { setImmediate } from 'node:timers'
import { CacheNotRespondingError } from '../../errors.js'
import type { Tracking } from '../tracking.js'
import { ServerClock } from './clock.js'
import { type Argument, asNotResponding, type Command, type Connection } from './connection.js'
import { ReadBatch, type Shape } from './read-batch.js'
import { commandOf, grouped, type ScriptReply, type Write } from './script-calls.js'
import { SCRIPTS } from './scripts/all.js'
import { LATE, type Script } from './scripts/script.js'
import { TRACK_NEXT } from './tracking.js'

/** So many names at most travel in one `MGET`: the server is never held for long. */
const MAX_NAMES = 512

/** So many writes at most travel in one go; the next go when these are answered. */
const MAX_WRITES = 256

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
  #reads: ReadBatch | undefined
  #writes: Write[] = []
  /** Of writes that are too many for one go, those that wait for their turn: later ones must not overtake them. */
  #queue: Write[] | undefined
  #isGreeted = false
  readonly #writing = new Set<Promise<void>>()
  #scheduled = false

  constructor(connection: Connection, tracking: Pick<Tracking, 'epoch'>, timeoutMs: number) {
    this.#connection = connection
    this.#tracking = tracking
    this.#timeoutMs = timeoutMs
    connection.onLost(() => {
      this.clock.forget()
      this.#isGreeted = false
    })
  }

  /** The values under these names, as they stand at one moment after this call, in the shape wanted. */
  read<T>(names: readonly string[], shape: Shape<T>, tracked = false): Promise<T> {
    if (this.#reads && this.#reads.names.length + names.length > MAX_NAMES) this.#flush()
    this.#reads ??= new ReadBatch()
    const batch = this.#reads
    if (tracked) batch.isTracked = true
    const positions = names.map((name) => batch.add(name))
    this.#schedule()
    return new Promise((resolve, reject) => {
      batch.reads.push({ positions, resolve: (values, epoch) => resolve(shape(values, epoch)), reject })
    })
  }

  /** The same for who asks for the same thing, by this id, as others of this tick: they share the answer. */
  readShared<T>(id: string, names: () => readonly string[], shape: Shape<T>, tracked = false): Promise<T> {
    const shared = this.#reads?.shared.get(id) as Promise<T> | undefined
    if (shared !== undefined) {
      if (tracked && this.#reads) this.#reads.isTracked = true
      return shared
    }
    const reading = this.read(names(), shape, tracked)
    this.#reads?.shared.set(id, reading)
    return reading
  }

  /**
   * Runs a script; `args` are what follows its deadline. A script that came too
   * late did nothing: once more, with what its reply told of the server's clock.
   */
  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<ScriptReply> {
    const write: Write = { script, keys, args }
    let reply = await this.#enqueue(write)
    const isInTime = performance.now() < (write.expires ?? 0)
    if (reply.status === LATE && isInTime) reply = await this.#enqueue(write)
    if (reply.status === LATE) {
      throw new CacheNotRespondingError('Redis is not responding: a write came too late.')
    }
    return reply
  }

  /** Sends what waits and resolves when it is answered, or has failed. */
  async flush(): Promise<void> {
    this.#flush()
    await Promise.all(this.#writing)
  }

  #enqueue(write: Write): Promise<ScriptReply> {
    return new Promise((resolve, reject) => {
      this.#writes.push(Object.assign(write, { resolve, reject }))
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#scheduled = false
    if (this.#writes.length > 0) {
      if (this.#queue) this.#queue.push(...this.#writes)
      else {
        const writing = this.#sendWrites(this.#writes).finally(() => this.#writing.delete(writing))
        this.#writing.add(writing)
      }
      this.#writes = []
    }
    if (this.#reads) this.#sendReads(this.#reads)
    this.#reads = undefined
  }

  #sendReads(batch: ReadBatch): void {
    const epoch = batch.isTracked ? this.#tracking.epoch : undefined
    this.#readAll(batch.names, epoch !== undefined).then(
      ({ values, isTracked }) => {
        // What an epoch has not outlasted, it does not cover.
        batch.answer(values, isTracked && this.#tracking.epoch === epoch ? epoch : undefined)
      },
      (error: unknown) => batch.fail(error),
    )
  }

  async #readAll(names: readonly string[], tracked: boolean): Promise<Answer> {
    const deadline = this.#deadline()
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

  /** Sends the writes of one tick, in several goes if they are many. Where one goes unanswered, so would the rest. */
  async #sendWrites(writes: Write[]): Promise<void> {
    if (writes.length <= MAX_WRITES) {
      await this.#sendGo(writes).catch((error: unknown) => rejectAll(writes, error))
      return
    }
    this.#queue = writes
    try {
      while (writes.length > 0) {
        const go = writes.splice(0, MAX_WRITES)
        await this.#sendGo(go).catch((error: unknown) => {
          rejectAll([...go, ...writes.splice(0)], error)
        })
      }
    } finally {
      this.#queue = undefined
    }
  }

  /** All that it takes, connecting included, happens before the deadline of the youngest write. */
  async #sendGo(go: readonly Write[]): Promise<void> {
    const deadline = this.#deadline()
    for (const write of go) write.expires ??= deadline
    // A deadline must be told on the clock of the server that gets it: never on that of the last one.
    while (!this.#connection.isReady || !this.clock.known || !this.#isGreeted) {
      if (this.#connection.isReady) await this.#greet(deadline)
      else await this.#connection.ready(deadline)
    }
    const unknown = await this.#evaluate(go, deadline)
    if (unknown.length === 0) return
    await this.#load(SCRIPTS, deadline)
    for (const write of await this.#evaluate(unknown, deadline)) {
      write.reject?.(new CacheNotRespondingError('Redis is not responding: it forgets its scripts.'))
    }
  }

  /** Runs scripts and settles their writes, but for those whose script the server does not know. */
  async #evaluate(writes: readonly Write[], deadline: number): Promise<Write[]> {
    const left = performance.now()
    const groups = grouped(writes)
    const commands = groups.map((group) => commandOf(group, (write) => this.#latest(write, deadline)))
    const replies = await this.#connection.sendAll(commands, deadline)
    const came = performance.now()
    return groups.flatMap((group, index) => {
      const reply = replies[index]
      if (isUnknownScript(reply)) return group
      const areSeveral = group.length > 1 && Array.isArray(reply)
      for (const [call, write] of group.entries()) {
        this.#settle(write, areSeveral ? reply[call] : reply, left, came)
      }
      return []
    })
  }

  /** When a script must have run, on the server's clock. */
  #latest({ expires }: Write, deadline: number): number {
    return Math.floor(this.clock.at((expires ?? deadline) - SLACK_MS))
  }

  /** The server has forgotten a script. */
  async #load(scripts: readonly Script[], deadline: number): Promise<void> {
    await this.#connection.sendAll(loading(scripts), deadline)
  }

  #settle(write: Write, reply: unknown, left: number, came: number): void {
    if (!Array.isArray(reply)) {
      write.reject?.(asNotResponding(reply))
      return
    }
    const [status, now, ...rest] = reply as [number, number, ...unknown[]]
    // Late by its own clock: then the estimate was wrong, and this reply is the better one.
    if (status === LATE) this.clock.forget()
    this.clock.sample(now, left, came)
    write.resolve?.({ status, now, rest })
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

  #deadline(): number {
    return performance.now() + this.#timeoutMs
  }
}

const TIME: Command = ['TIME']

/** @see https://redis.io/docs/latest/commands/script-load/ */
function loading(scripts: readonly Script[]): Command[] {
  return scripts.map(({ lua }) => ['SCRIPT', 'LOAD', lua])
}

function rejectAll(writes: readonly Write[], error: unknown): void {
  for (const write of writes) write.reject?.(error)
}

/** @see https://redis.io/docs/latest/commands/evalsha/ */
function isUnknownScript(reply: unknown): boolean {
  return reply instanceof Error && reply.message.startsWith('NOSCRIPT')
}
