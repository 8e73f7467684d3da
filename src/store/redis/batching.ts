import { CacheNotRespondingError } from '../../errors.js'
import { ServerClock } from './clock.js'
import { asNotResponding, type Command, type Connection } from './connection.js'
import { LATE, type Script } from './scripts.js'

/** So many names at most travel in one `MGET`: the server is never held for long. */
const MAX_NAMES = 512

/** A script call that waits for the tick to end. */
interface Write {
  readonly script: Script
  readonly keys: readonly string[]
  readonly args: readonly (string | number | Buffer)[]
  /** A moment of `performance.now()`. */
  readonly deadline: number
  readonly resolve: (reply: ScriptReply) => void
  readonly reject: (error: unknown) => void
}

/** What a script returned after its status and the server's time. */
export interface ScriptReply {
  readonly status: number
  readonly rest: readonly unknown[]
}

class ReadBatch {
  readonly names: string[] = []
  readonly #positions = new Map<string, number>()
  readonly values: Promise<(Buffer | null)[]>
  resolve!: (values: (Buffer | null)[]) => void
  reject!: (error: unknown) => void

  constructor() {
    this.values = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  add(name: string): number {
    let position = this.#positions.get(name)
    if (position === undefined) {
      position = this.names.push(name) - 1
      this.#positions.set(name, position)
    }
    return position
  }
}

/**
 * Gathers what one tick asks for: all its reads travel as one `MGET` in which
 * every name stands once, its writes in one go before them. A read shares only
 * a command that has not been sent yet, so none is ever answered with what
 * stood before it was asked.
 *
 * @see https://redis.io/docs/latest/commands/mget/
 */
export class Batching {
  readonly clock = new ServerClock()
  readonly #connection: Connection
  readonly #timeoutMs: number
  #reads: ReadBatch | undefined
  #writes: Write[] = []
  #scheduled = false

  constructor(connection: Connection, timeoutMs: number) {
    this.#connection = connection
    this.#timeoutMs = timeoutMs
    connection.onLost(() => this.clock.forget())
  }

  /** The values under these names, as they stand at one moment after this call. */
  async read(names: readonly string[]): Promise<(Buffer | null)[]> {
    if (this.#reads && this.#reads.names.length + names.length > MAX_NAMES) this.#flush()
    this.#reads ??= new ReadBatch()
    const batch = this.#reads
    const positions = names.map((name) => batch.add(name))
    this.#schedule()
    const values = await batch.values
    return positions.map((position) => values[position] ?? null)
  }

  /**
   * Runs a script; `args` are what follows its deadline. A script that came too
   * late did nothing: it is sent again while there is time.
   */
  async run(script: Script, keys: readonly string[], args: Write['args']): Promise<ScriptReply> {
    const deadline = performance.now() + this.#timeoutMs
    let reply = await this.#enqueue(script, keys, args, deadline)
    if (reply.status === LATE && performance.now() < deadline) {
      reply = await this.#enqueue(script, keys, args, deadline)
    }
    if (reply.status === LATE)
      throw new CacheNotRespondingError('Redis is not responding: a write came too late.')
    return reply
  }

  async #askTime(deadline: number): Promise<void> {
    const left = performance.now()
    const [seconds, microseconds] = (await this.#connection.send(['TIME'], deadline)) as [Buffer, Buffer]
    this.clock.sample(Number(seconds) * 1000 + Number(microseconds) / 1000, left, performance.now())
  }

  #enqueue(script: Script, keys: Write['keys'], args: Write['args'], deadline: number): Promise<ScriptReply> {
    return new Promise((resolve, reject) => {
      this.#writes.push({ script, keys, args, deadline, resolve, reject })
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
      void this.#sendWrites(this.#writes)
      this.#writes = []
    }
    if (this.#reads) this.#sendReads(this.#reads)
    this.#reads = undefined
  }

  #sendReads(batch: ReadBatch): void {
    this.#connection
      .send(['MGET', ...batch.names], performance.now() + this.#timeoutMs)
      .then((values) => batch.resolve(values as (Buffer | null)[]), batch.reject)
  }

  async #sendWrites(writes: readonly Write[]): Promise<void> {
    const latest = Math.max(...writes.map((write) => write.deadline))
    try {
      // A deadline must be told on the clock of the server that gets it: never on that of the last one.
      while (!this.#connection.isReady || !this.clock.known) {
        if (!this.#connection.isReady) await this.#connection.ready(latest)
        else await this.#askTime(latest)
      }
      const left = performance.now()
      const replies = await this.#evaluate(writes, 'EVALSHA', latest)
      const unknown = [...writes.keys()].filter((index) => isUnknownScript(replies[index]))
      if (unknown.length > 0) {
        const repeated = await this.#evaluate(
          unknown.map((index) => writes[index] as Write),
          'EVAL',
          latest,
        )
        for (const [position, index] of unknown.entries()) replies[index] = repeated[position]
      }
      const came = performance.now()
      for (const [index, write] of writes.entries()) this.#settle(write, replies[index], left, came)
    } catch (error) {
      for (const write of writes) write.reject(error)
    }
  }

  /** One reply or error for each write; throws when the server gave none at all. */
  #evaluate(writes: readonly Write[], command: 'EVAL' | 'EVALSHA', latest: number): Promise<unknown[]> {
    const commands = writes.map(({ script, keys, args, deadline }): Command => {
      const code = command === 'EVAL' ? script.lua : script.sha
      return [command, code, keys.length, ...keys, Math.floor(this.clock.at(deadline)), ...args]
    })
    return this.#connection.sendAll(commands, latest)
  }

  #settle(write: Write, reply: unknown, left: number, came: number): void {
    if (!Array.isArray(reply)) {
      write.reject(asNotResponding(reply))
      return
    }
    const [status, now, ...rest] = reply as [number, number, ...unknown[]]
    // Late by its own clock: then the estimate was wrong, and this reply is the better one.
    if (status === LATE) this.clock.forget()
    this.clock.sample(now, left, came)
    write.resolve({ status, rest })
  }
}

/** @see https://redis.io/docs/latest/commands/evalsha/ */
function isUnknownScript(reply: unknown): boolean {
  return reply instanceof Error && reply.message.startsWith('NOSCRIPT')
}
