import { once } from 'node:events'
import type { Redis, RedisOptions } from 'ioredis'
import { detached, ignore } from '../../background.js'
import { CacheNotRespondingError, ConfigurationError } from '../../errors.js'
import { before, type Waiting } from '../deadline.js'
import { loadIoredis } from './ioredis.js'
import { withoutArguments, withoutQuotes } from './safe-error.js'

/** What the option `redis` takes: a URL, ioredis options, or a client whose options are taken. */
export type RedisTarget = string | RedisOptions | Redis

export type Argument = string | number | Buffer
/** One command: its name and what follows it. */
export type Command = readonly [name: string, ...args: Argument[]]

/**
 * What may lie on the way to a server that does not answer, after those who
 * asked have given up: more would only cost memory.
 */
const MAX_ABANDONED = { commands: 2_000, bytes: 32 * 1024 * 1024 }

/** A connection on which nothing has been answered for so long is given up for a new one. */
const SILENT_MS = 5_000

/** Minimum time between two reconnects because of a server that takes no writes: its reads must stay possible. */
const READONLY_PAUSE_MS = 1_000

/**
 * Maximum size of the replies to one command. A larger one holds up every reply behind it, so the connection is given
 * up for a new one: a value can exceed what this cache writes only where somebody else wrote it.
 */
const MAX_REPLY_BYTES = 128 * 1024 * 1024

/** The same where nobody waits for the reply any more. */
const MAX_UNWANTED_BYTES = 8 * 1024 * 1024

/** In RESP3 ioredis 6 drops what a server tells of changes; ioredis 5 knows nothing else. */
const RESP2: object = { protocol: 2, replyMapping: 'legacy' }

/** Commands that were sent together and have not been answered yet. */
interface Flight {
  readonly sentAt: number
  readonly commands: readonly Command[]
  readonly bytes: number
  abandoned: boolean
}

/**
 * A connection of the cache's own, on which everything has a deadline: a moment
 * of `performance.now()` after which the caller is told that it failed. Nothing
 * waits in an offline queue, and nothing is sent twice.
 */
export class Connection {
  /** What a handed-in client puts in front of every key name. */
  readonly clientPrefix: string
  readonly #client: Redis
  readonly #flights = new Set<Flight>()
  readonly #abandoned = { commands: 0, bytes: 0 }
  #opening: Promise<unknown> | undefined
  #isClosed = false
  /** The socket that is being given up: that is done once. */
  #left: unknown
  /** When the last command was answered, and how many bytes had been received by then. */
  #answeredAt = Number.NEGATIVE_INFINITY
  #answeredBytes = 0
  #refusedAt = Number.NEGATIVE_INFINITY
  /** Whether the next attempt to connect is made at once: the server is there. */
  #isHurried = false
  #onTooLarge: (commands: readonly Command[]) => void = ignore
  // A socket keeps the async context it was opened in: the first request's would be held for ever.

  constructor(target: RedisTarget, connectTimeoutMs: number) {
    if (isCluster(target)) {
      throw new ConfigurationError(
        'A Redis Cluster is not supported yet: give `redis` a single server or a Sentinel.',
      )
    }
    this.#client = open(target, connectTimeoutMs, () => this.#isHurried)
    this.#client.on('connect', () => this.#watchReplies())
    this.clientPrefix = isClient(target)
      ? (target.options.keyPrefix ?? '')
      : optionsOf(target).keyPrefix || ''
  }

  get description(): string {
    const { host, port, path, db, sentinels, name } = this.#client.options
    if (sentinels?.length) return `redis sentinel ${name ?? ''}/${db ?? 0}`
    return `redis ${path ?? `${host ?? '127.0.0.1'}:${port ?? 6379}`}/${db ?? 0}`
  }

  get isReady(): boolean {
    const { status, stream } = this.#client
    // One that is being given up is `ready` until its socket is closed.
    return status === 'ready' && stream.writable
  }

  /** Whether the server owes an answer whose deadline has passed. */
  get isSilent(): boolean {
    const [oldest] = this.#flights
    return oldest?.abandoned === true
  }

  /** Whether anything was answered within so long. */
  hasAnsweredWithin(ms: number): boolean {
    return performance.now() - this.#answeredAt < ms
  }

  /** Calls back whenever another server, or the same one restarted, may answer from now on. */
  onLost(listener: () => void): void {
    this.#client.on('close', listener)
  }

  /** Calls back with the commands whose reply was too large: the connection is given up for it. */
  onTooLarge(listener: (commands: readonly Command[]) => void): void {
    this.#onTooLarge = listener
  }

  /** Calls back whenever commands can be sent, on a new connection. */
  onReady(listener: () => void): void {
    this.#client.on('ready', listener)
  }

  /** Waits until commands can be sent, together with everyone else who does. */
  async ready(deadline: number, waiting?: Waiting): Promise<void> {
    const client = this.#client
    if (this.isReady) return
    // The client ends a moment later, and nothing should wait for that.
    if (this.#isClosed || client.status === 'end') throw notResponding('its connection was closed')
    if (client.status === 'wait') detached(() => client.connect().catch(ignore))
    // `once` also rejects at the first 'error': a refused connection fails at once.
    this.#opening ??= once(client, 'ready').finally(() => {
      this.#opening = undefined
    })
    await before(deadline, this.#opening, 'Redis', waiting).catch(rethrow)
  }

  async send(command: Command, deadline: number, waiting?: Waiting): Promise<unknown> {
    if (!this.isReady) await this.ready(deadline, waiting)
    const [name, ...args] = command
    return await this.#answered([command], deadline, () => this.#client.callBuffer(name, args), waiting)
  }

  /** Several commands in one go; each has its own reply or error. */
  async sendAll(commands: readonly Command[], deadline: number, waiting?: Waiting): Promise<unknown[]> {
    if (!this.isReady) await this.ready(deadline, waiting)
    const send = () =>
      commands.length === 1 ? this.#alone(commands[0] as Command) : this.#pipelined(commands)
    const replies = await this.#answered(commands, deadline, send, waiting)
    if (replies === null) throw notResponding('the commands were dropped')
    const all = replies.map(([error, reply]) => error ?? reply)
    if (all.some(isReadOnly)) this.#refused()
    return all
  }

  /** A second connection to the same server, that does nothing yet: one that listens can't do anything else. */
  another(): Redis {
    const client = this.#client.duplicate({ autoResubscribe: false, ...RESP2 })
    client.on('error', ignore)
    holdNoProcess(client)
    return client
  }

  close(): void {
    this.#isClosed = true
    end(this.#client)
  }

  async #alone([name, ...args]: Command): Promise<[Error | null, unknown][]> {
    try {
      return [[null, await this.#client.callBuffer(name, args)]]
    } catch (error) {
      return [[error as Error, undefined]]
    }
  }

  #pipelined(commands: readonly Command[]): Promise<[Error | null, unknown][] | null> {
    const pipeline = this.#client.pipeline()
    for (const [name, ...args] of commands) pipeline.callBuffer(name, args)
    return pipeline.exec()
  }

  /** Follows commands until they are answered, be it long after their caller has given up. */
  async #answered<T>(
    commands: readonly Command[],
    deadline: number,
    send: () => Promise<T>,
    waiting?: Waiting,
  ): Promise<T> {
    const { commands: count, bytes } = this.#abandoned
    if (count >= MAX_ABANDONED.commands || bytes >= MAX_ABANDONED.bytes) {
      throw notResponding(`${count} commands (${bytes} bytes) are unanswered`)
    }
    const flight = {
      sentAt: performance.now(),
      commands,
      bytes: commands.reduce((sum, command) => sum + sizeOf(command), 0),
      abandoned: false,
    }
    try {
      const answer = send()
      this.#flights.add(flight)
      const land = () => this.#land(flight)
      answer.then(land, land)
      return await before(deadline, answer, 'Redis', waiting)
    } catch (error) {
      if (this.#flights.has(flight)) this.#abandon(flight)
      throw asNotResponding(error)
    }
  }

  #land(flight: Flight): void {
    this.#flights.delete(flight)
    this.#answeredAt = performance.now()
    this.#answeredBytes = this.#client.stream?.bytesRead ?? 0
    if (!flight.abandoned) return
    this.#abandoned.commands -= flight.commands.length
    this.#abandoned.bytes -= flight.bytes
  }

  #abandon(flight: Flight): void {
    flight.abandoned = true
    this.#abandoned.commands += flight.commands.length
    this.#abandoned.bytes += flight.bytes
    const [oldest] = this.#flights
    if (oldest && performance.now() - oldest.sentAt > SILENT_MS) this.#giveUp()
  }

  /** On each new socket. */
  #watchReplies(): void {
    const { stream } = this.#client
    this.#answeredBytes = 0
    this.#isHurried = false
    stream.on('data', () => {
      const received = stream.bytesRead - this.#answeredBytes
      if (received <= MAX_UNWANTED_BYTES) return
      // Replies come in order: what has been received since the last one is the oldest command's.
      const [oldest] = this.#flights
      if (!oldest || received <= (oldest.abandoned ? MAX_UNWANTED_BYTES : MAX_REPLY_BYTES)) return
      this.#onTooLarge(oldest.commands)
      this.#isHurried = true
      this.#giveUp()
    })
  }

  /** Ends this socket at once, for a new one. What is unanswered fails. */
  #giveUp(): void {
    const { stream } = this.#client
    if (this.#left === stream) return
    this.#left = stream
    detached(() => reconnect(this.#client))
  }

  /** This server takes no writes. It may be a former master: its name may lead to the present one. */
  #refused(): void {
    const now = performance.now()
    const { stream } = this.#client
    if (this.#left === stream || now - this.#refusedAt < READONLY_PAUSE_MS) return
    this.#left = stream
    this.#refusedAt = now
    // What is under way is still answered.
    detached(() => this.#client.disconnect(true))
  }
}

/**
 * A client of our own: a shared one would queue, resend and delay behind our
 * back, as its user has every right to want.
 */
function open(target: RedisTarget, connectTimeoutMs: number, isHurried: () => boolean): Redis {
  const defaults: RedisOptions = { connectTimeout: connectTimeoutMs, connectionName: 'keyedcache' }
  const required: RedisOptions = {
    lazyConnect: true,
    keyPrefix: '',
    stringNumbers: false,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // How long a socket that is ended waits for its server, which keeps the process alive.
    disconnectTimeout: 100,
    retryStrategy: (attempt) => {
      return attempt === 1 && isHurried() ? 0 : Math.min(50 * 2 ** Math.min(attempt, 10), 1_000)
    },
    // See `Connection.#refused`: ioredis would end the socket once for each error.
    reconnectOnError: () => false,
  }
  const client = isClient(target)
    ? target.duplicate({ ...defaults, ...required })
    : typeof target === 'string'
      ? new (loadIoredis().Redis)(target, { ...defaults, ...required })
      : new (loadIoredis().Redis)({ ...defaults, ...target, ...required })
  // Without a listener ioredis prints each failure; operations report them with what they were about.
  client.on('error', ignore)
  holdNoProcess(client)
  return client
}

/**
 * Lets a process end while a client of ours is open: its sockets and its pauses between attempts to connect do not
 * keep it alive. A command that is waited for does, by the timer of its deadline.
 */
function holdNoProcess(client: Redis): void {
  client.on('connect', () => client.stream.unref())
  client.on('reconnecting', () => {
    ;(client as unknown as { reconnectTimeout: NodeJS.Timeout | null }).reconnectTimeout?.unref()
  })
}

/** Ends the socket of a client of ours for a new one, without waiting for a server that is silent. */
export function reconnect(client: Redis): void {
  // Not `disconnect`: that leaves a timer of two seconds and a listener each time.
  client.stream?.destroy()
}

/** Disconnects a client of ours for good, without waiting for a server that is silent. */
export function end(client: Redis): void {
  client.disconnect()
  client.stream?.destroy()
}

function optionsOf(target: string | RedisOptions): RedisOptions {
  return typeof target === 'string' ? {} : target
}

/** How many bytes they take on their way, about. */
export function sizeOf(parts: readonly Argument[]): number {
  let bytes = 0
  for (const part of parts) bytes += typeof part === 'number' ? 8 : part.length
  return bytes
}

function isClient(target: unknown): target is Redis {
  return isObject(target) && typeof target.duplicate === 'function'
}

function isCluster(target: unknown): boolean {
  return isObject(target) && target.isCluster === true
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function notResponding(why: string, cause?: unknown): CacheNotRespondingError {
  return new CacheNotRespondingError(`Redis is not responding: ${why}.`, { cause })
}

/** Every failure of the server or of the way to it becomes the one error that callers know. */
export function asNotResponding(error: unknown): CacheNotRespondingError {
  if (error instanceof CacheNotRespondingError) return error
  const message = error instanceof Error ? error.message : String(error)
  return notResponding(withoutQuotes(message), withoutArguments(error))
}

/** @see https://redis.io/docs/latest/operate/oss_and_stack/management/replication/#read-only-replica */
function isReadOnly(reply: unknown): boolean {
  return reply instanceof Error && reply.message.startsWith('READONLY')
}

function rethrow(error: unknown): never {
  throw asNotResponding(error)
}
