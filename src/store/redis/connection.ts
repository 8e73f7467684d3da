import { once } from 'node:events'
import type { Redis } from 'ioredis'
import { detached, ignore } from '../../background.js'
import { BACKGROUND, type DeadlineOptions, withDeadline } from '../deadline.js'
import { isAccess, type ServerAccess, serverAccessOf } from './access.js'
import { detectCluster, NodeOfClusterError } from './cluster-detection.js'
import type { Command } from './command.js'
import { replaceSilentSockets } from './handshake.js'
import { asNotResponding, isOfReplica, notResponding } from './not-responding.js'
import { describeClient, end, type OwnClients, ownClients, reconnect, refusalOf } from './own-client.js'
import { isRedirection } from './redirection.js'
import { ReplyLimit } from './reply-limit.js'
import { RoleCheck } from './role-check.js'
import { SilenceDetection } from './silence-detection.js'
import type { RedisTarget } from './target.js'

/** Minimum time between two reconnects because of a server that takes no writes: its reads must stay possible. */
const REPLICA_PAUSE_MS = 1_000

/** Maximum time of reading the role of the server, which no caller waits for. */
const ROLE_TIMEOUT_MS = 2_000

/**
 * A connection of the cache's own to a server. Every command has a deadline, a moment of `performance.now()` after
 * which it is rejected with a `CacheNotRespondingError`. Nothing waits in an offline queue, and nothing is sent twice.
 */
export class Connection {
  /** The key prefix of a client or of options that were handed in. */
  readonly clientPrefix: string
  readonly #clients: OwnClients
  readonly #client: Redis
  readonly #silence = new SilenceDetection(() => this.#replace())
  readonly #role = new RoleCheck(
    () => this.#readRole(),
    () => this.#leaveReplica(),
  )
  readonly #replyLimit = new ReplyLimit()
  #opening: Promise<unknown> | undefined
  #isClosed = false
  /** The socket that is being replaced, which is done once. */
  #endedSocket: unknown
  #leftReplicaAt = Number.NEGATIVE_INFINITY
  /** Whether the next attempt to connect is made at once, since the server is known to be there. */
  #reconnectsAtOnce = false
  #onTooLarge: (commands: readonly Command[]) => void = ignore
  #onKind: ((isCluster: boolean) => void) | undefined

  constructor(target: RedisTarget | ServerAccess, connectTimeoutMs: number) {
    const access = isAccess(target) ? target : serverAccessOf(target)
    this.clientPrefix = access.keyPrefix
    this.#clients = ownClients(access, connectTimeoutMs)
    this.#client = this.#clients.open(() => this.#reconnectsAtOnce)
    replaceSilentSockets(this.#client)
    this.#client.on('connect', () => this.#watchReplies())
  }

  get description(): string {
    return describeClient(this.#client)
  }

  get isReady(): boolean {
    const { status, stream } = this.#client
    // One that is being replaced is `ready` until its socket is closed.
    return status === 'ready' && stream.writable
  }

  /** Whether a command is unanswered after its deadline. */
  get isSilent(): boolean {
    return this.#silence.isSilent
  }

  /** Whether a command was answered within the last `ms` milliseconds. */
  hasAnsweredWithin(ms: number): boolean {
    return this.#silence.hasAnsweredWithin(ms)
  }

  /** Calls `listener` whenever the connection is lost: another server, or a restarted one, may answer next. */
  onLost(listener: () => void): void {
    this.#client.on('close', listener)
  }

  /** Calls `listener` with the commands whose reply was too large, for which the connection is replaced. */
  onTooLarge(listener: (commands: readonly Command[]) => void): void {
    this.#onTooLarge = listener
  }

  /**
   * Calls `listener` when the server says whether it is a node of a Cluster. For such a node, what waits for the
   * connection is rejected with a `NodeOfClusterError` as its cause.
   */
  onKind(listener: (isCluster: boolean) => void): void {
    this.#onKind = listener
    detectCluster(this.#client, (isCluster) => {
      listener(isCluster)
      if (isCluster) this.#client.emit('error', new NodeOfClusterError())
    })
  }

  /** Calls `listener` whenever a new connection can take commands. */
  onReady(listener: () => void): void {
    this.#client.on('ready', listener)
  }

  /** Resolves when commands can be sent. All callers share one attempt to connect. */
  async ready(deadline: number, options?: DeadlineOptions): Promise<void> {
    const client = this.#client
    if (this.isReady) return
    // The client ends a moment later, and nothing should wait for that.
    if (this.#isClosed || client.status === 'end') throw notResponding('its connection was closed')
    // A socket keeps the async context it was opened in: the first request's would never be freed.
    if (client.status === 'wait') detached(() => client.connect().catch(ignore))
    // `once` also rejects at the first 'error': a refused connection fails at once.
    this.#opening ??= once(client, 'ready').finally(() => {
      this.#opening = undefined
    })
    await withDeadline(deadline, this.#opening, 'Redis', options).catch((error: unknown) => {
      throw asNotResponding(refusalOf(client) ?? error)
    })
  }

  async send(command: Command, deadline: number, options?: DeadlineOptions): Promise<unknown> {
    if (!this.isReady) await this.ready(deadline, options)
    this.#role.used()
    const [reply] = await this.#replies([command], deadline, options)
    if (reply instanceof Error) throw asNotResponding(reply)
    return reply
  }

  /** Sends several commands at once. Each has its own reply, which may be an error. */
  async sendAll(
    commands: readonly Command[],
    deadline: number,
    options?: DeadlineOptions,
  ): Promise<unknown[]> {
    if (!this.isReady) await this.ready(deadline, options)
    this.#role.used()
    return await this.#replies(commands, deadline, options)
  }

  /** Looks at the error of one of several calls in a reply: a replica gets a new connection. */
  noticeRefusal(error: unknown): void {
    if (isOfReplica(error)) this.#leaveReplica()
    else if (this.#onKind !== undefined && isRedirection(error)) this.#onKind(true)
  }

  /** A second client for the same server, not connected yet: a connection that subscribes can do nothing else. */
  openSubscriber(): Redis {
    return replaceSilentSockets(this.#clients.openSubscriber())
  }

  close(): void {
    this.#isClosed = true
    this.#silence.close()
    this.#role.close()
    end(this.#client)
  }

  async #replies(
    commands: readonly Command[],
    deadline: number,
    options?: DeadlineOptions,
  ): Promise<unknown[]> {
    const send = () =>
      commands.length === 1 ? this.#alone(commands[0] as Command) : this.#pipelined(commands)
    const replies = await this.#answered(commands, deadline, send, options)
    for (const reply of replies) if (reply instanceof Error) this.noticeRefusal(reply)
    return replies
  }

  async #alone([name, ...args]: Command): Promise<unknown[]> {
    try {
      return [await this.#client.callBuffer(name, args)]
    } catch (error) {
      return [error]
    }
  }

  async #pipelined(commands: readonly Command[]): Promise<unknown[]> {
    const pipeline = this.#client.pipeline()
    for (const [name, ...args] of commands) pipeline.callBuffer(name, args)
    const replies = await pipeline.exec()
    if (replies === null) throw notResponding('the commands were dropped')
    return replies.map(([error, reply]) => error ?? reply)
  }

  /** Follows commands until they are answered, which may be long after their deadline. */
  async #answered(
    commands: readonly Command[],
    deadline: number,
    send: () => Promise<unknown[]>,
    options?: DeadlineOptions,
  ): Promise<unknown[]> {
    const unanswered = this.#silence.prepare(commands)
    try {
      const answer = send()
      this.#silence.sent(unanswered)
      const lost = () => this.#silence.lost(unanswered)
      answer.then((replies) => {
        if (replies.some(isLoss)) lost()
        else this.#silence.answered(unanswered)
        this.#replyLimit.answered(this.#client.stream)
      }, lost)
      return await withDeadline(deadline, answer, 'Redis', options)
    } catch (error) {
      if (this.#silence.has(unanswered)) this.#silence.abandon(unanswered)
      throw asNotResponding(error)
    }
  }

  /** On each new socket. */
  #watchReplies(): void {
    this.#reconnectsAtOnce = false
    this.#replyLimit.watch(
      this.#client.stream,
      () => this.#silence.oldest,
      ({ commands }) => {
        this.#onTooLarge(commands)
        this.#reconnectsAtOnce = true
        this.#replace()
      },
    )
  }

  /** Ends this socket at once, for a new one. What is unanswered fails. */
  #replace(): void {
    const { stream } = this.#client
    if (this.#endedSocket === stream) return
    this.#endedSocket = stream
    detached(() => reconnect(this.#client))
  }

  /** Reconnects: a server that takes no writes may be a former master, and its name may lead to the present one. */
  #leaveReplica(): void {
    const now = performance.now()
    const { stream } = this.#client
    if (this.#endedSocket === stream || now - this.#leftReplicaAt < REPLICA_PAUSE_MS) return
    this.#endedSocket = stream
    this.#leftReplicaAt = now
    // What is under way is still answered.
    detached(() => this.#client.disconnect(true))
  }

  /** The reply to `INFO replication`, or the error where there is none. */
  async #readRole(): Promise<unknown> {
    if (!this.isReady) return undefined
    const deadline = performance.now() + ROLE_TIMEOUT_MS
    return await this.#replies([['INFO', 'replication']], deadline, BACKGROUND).then(
      ([reply]) => reply,
      ignore,
    )
  }
}

/** Whether a reply is missing because the connection was lost. */
function isLoss(reply: unknown): boolean {
  return reply instanceof Error && reply.name !== 'ReplyError'
}
