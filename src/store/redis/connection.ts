import { once } from 'node:events'
import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { CacheNotRespondingError, ConfigurationError } from '../../errors.js'
import { before } from '../deadline.js'

/** What the option `redis` takes: a URL, ioredis options, or a client of one's own. */
export type RedisTarget = string | RedisOptions | Redis

type Argument = string | number | Buffer
/** One command: its name and what follows it. */
export type Command = readonly [name: string, ...args: Argument[]]

/**
 * So many commands may be under way unanswered. More means that the server has
 * stopped answering: piling up behind it would only cost memory.
 */
const MAX_UNANSWERED = 2_000

/**
 * A connection on which everything has a deadline: a moment of
 * `performance.now()` after which the caller is told that it failed. Nothing
 * waits in an offline queue, and nothing is sent twice.
 */
export class Connection {
  readonly client: Redis
  /** What the client itself puts in front of every key name. */
  readonly clientPrefix: string
  readonly #owned: boolean
  #unanswered = 0
  #opening: Promise<unknown> | undefined

  constructor(target: RedisTarget, connectTimeoutMs: number) {
    if (isCluster(target)) {
      throw new ConfigurationError(
        'A Redis Cluster is not supported yet: give `redis` a single server or a Sentinel.',
      )
    }
    this.#owned = !isClient(target)
    this.client = isClient(target) ? target : open(target, connectTimeoutMs)
    this.clientPrefix = this.client.options.keyPrefix ?? ''
  }

  get description(): string {
    const { host, port, path, db, sentinels, name } = this.client.options
    if (sentinels?.length) return `redis sentinel ${name ?? ''}/${db ?? 0}`
    return `redis ${path ?? `${host ?? '127.0.0.1'}:${port ?? 6379}`}/${db ?? 0}`
  }

  get isReady(): boolean {
    return this.client.status === 'ready'
  }

  /** Calls back whenever another server, or the same one restarted, may answer from now on. */
  onLost(listener: () => void): void {
    this.client.on('close', listener)
  }

  /** Waits until commands can be sent, together with everyone else who does. */
  async ready(deadline: number): Promise<void> {
    const { client } = this
    if (client.status === 'ready') return
    if (client.status === 'end') throw notResponding('its connection was closed')
    if (client.status === 'wait') client.connect().catch(ignore)
    // `once` also rejects at the first 'error': a refused connection fails at once.
    this.#opening ??= once(client, 'ready').finally(() => {
      this.#opening = undefined
    })
    await before(deadline, this.#opening, 'Redis').catch(rethrow)
  }

  async send(command: Command, deadline: number): Promise<unknown> {
    if (!this.isReady) await this.ready(deadline)
    const [name, ...args] = command
    return this.#answered(1, deadline, () => this.client.callBuffer(name, args))
  }

  /** Several commands in one go; each has its own reply or error. */
  async sendAll(commands: readonly Command[], deadline: number): Promise<unknown[]> {
    if (!this.isReady) await this.ready(deadline)
    const replies = await this.#answered(commands.length, deadline, () =>
      commands.length === 1 ? this.#alone(commands[0] as Command) : this.#pipelined(commands),
    )
    if (replies === null) throw notResponding('the commands were dropped')
    return replies.map(([error, reply]) => error ?? reply)
  }

  async #alone([name, ...args]: Command): Promise<[Error | null, unknown][]> {
    try {
      return [[null, await this.client.callBuffer(name, args)]]
    } catch (error) {
      return [[error as Error, undefined]]
    }
  }

  #pipelined(commands: readonly Command[]): Promise<[Error | null, unknown][] | null> {
    const pipeline = this.client.pipeline()
    for (const [name, ...args] of commands) pipeline.callBuffer(name, args)
    return pipeline.exec()
  }

  async close(): Promise<void> {
    if (this.#owned) this.client.disconnect()
  }

  async #answered<T>(commands: number, deadline: number, send: () => Promise<T>): Promise<T> {
    if (this.#unanswered >= MAX_UNANSWERED) throw notResponding(`${this.#unanswered} commands are unanswered`)
    this.#unanswered += commands
    const settled = () => {
      this.#unanswered -= commands
    }
    let reply: Promise<T>
    try {
      reply = send()
    } catch (error) {
      settled()
      throw error
    }
    reply.then(settled, settled)
    return before(deadline, reply, 'Redis').catch(rethrow)
  }
}

function open(target: string | RedisOptions, connectTimeoutMs: number): Redis {
  const defaults: RedisOptions = {
    lazyConnect: true,
    connectTimeout: connectTimeoutMs,
    connectionName: 'keyedcache',
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), 1_000),
  }
  // A command must fail rather than wait or be repeated behind its caller's back.
  const required: RedisOptions = {
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  }
  const client =
    typeof target === 'string'
      ? new Redis(target, { ...defaults, ...required })
      : new Redis({ ...defaults, ...target, ...required })
  // Without a listener ioredis prints each failure; operations report them with what they were about.
  client.on('error', ignore)
  return client
}

function isClient(target: unknown): target is Redis {
  return target instanceof Redis || (isObject(target) && typeof target.callBuffer === 'function')
}

function isCluster(target: unknown): boolean {
  return target instanceof Cluster || (isObject(target) && target.isCluster === true)
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
  return notResponding(error instanceof Error ? error.message : String(error), error)
}

function rethrow(error: unknown): never {
  throw asNotResponding(error)
}

function ignore(): void {}
