import { once } from 'node:events'
import type { Redis } from 'ioredis'
import { detached, ignore } from '../../background.js'
import { Circuit } from '../circuit.js'
import { BACKGROUND, type DeadlineOptions, ownDelayOf, withDeadline } from '../deadline.js'
import type { StoreHealth } from '../health.js'
import { isAccess, type ServerAccess, serverAccessOf } from './access.js'
import { detectCluster, NodeOfClusterError } from './cluster-detection.js'
import type { Command } from './command.js'
import { replaceSilentSockets, replaceSilentSubscriptions } from './handshake.js'
import { asNotResponding, isOfReplica, notResponding } from './not-responding.js'
import { describeClient, end, type OwnClients, ownClients, reconnect, refusalOf } from './own-client.js'
import { isRedirection } from './redirection.js'
import { ReplyLimit } from './reply-limit.js'
import { RoleCheck } from './role-check.js'
import { SilenceDetection, type Unanswered } from './silence-detection.js'
import type { RedisTarget } from './target.js'

/** Minimum time between two reconnects because of a server that takes no writes: its reads must stay possible. */
const REPLICA_PAUSE_MS = 1_000

/** Size from which commands are large, and the speed at which they are sent at least: for that time silence does not count. */
const LARGE = { bytes: 1024 * 1024, bytesPerMs: 10_000 }

/**
 * A connection of the cache's own to a server. Every command has a deadline, a moment of `performance.now()` after
 * which it is rejected with a `CacheNotRespondingError`. Nothing waits in an offline queue, and nothing is sent twice.
 * While its circuit breaker is open, all commands are rejected at once.
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
  readonly #timeoutMs: number
  readonly #circuit = new Circuit({ server: () => this.description, probe: () => this.#sendProbe() })
  readonly #readyListeners: (() => void)[] = []
  #opening: Promise<unknown> | undefined
  /** The last attempt to connect that has failed, and the last socket that was lost: each counts once. */
  #failedAttempt: unknown
  #lostSocket: unknown
  #isClosed = false
  /** The socket that is being replaced, which is done once. */
  #endedSocket: unknown
  #leftReplicaAt = Number.NEGATIVE_INFINITY
  /** Whether the next attempt to connect is made at once, since the server is known to be there. */
  #reconnectsAtOnce = false
  #onTooLarge: (commands: readonly Command[]) => void = ignore
  #onKind: ((isCluster: boolean) => void) | undefined

  /** `timeoutMs` is the deadline of a probe while the server does not respond. */
  constructor(target: RedisTarget | ServerAccess, connectTimeoutMs: number, timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    const access = isAccess(target) ? target : serverAccessOf(target)
    this.clientPrefix = access.keyPrefix
    this.#clients = ownClients(access, connectTimeoutMs)
    this.#client = this.#clients.open(() => this.#reconnectsAtOnce)
    replaceSilentSockets(this.#client)
    this.#client.on('connect', () => this.#watchReplies())
    this.#client.on('ready', () => {
      if (this.#circuit.isOpen) void this.#circuit.probe().catch(ignore)
      else this.#notifyReady()
    })
    this.#circuit.onChange(() => {
      if (this.isReady) this.#notifyReady()
    })
  }

  get description(): string {
    return describeClient(this.#client)
  }

  /** Its circuit breaker. */
  get health(): StoreHealth {
    return this.#circuit
  }

  /** Whether commands can be sent now. */
  get isReady(): boolean {
    return !this.#circuit.isOpen && this.#isConnected
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

  /** Calls `listener` whenever commands can be sent on a new connection, or again after the circuit breaker was open. */
  onReady(listener: () => void): void {
    this.#readyListeners.push(listener)
  }

  /** Resolves when commands can be sent. All callers share one attempt to connect. */
  async ready(deadline: number, options?: DeadlineOptions): Promise<void> {
    this.#circuit.throwIfOpen()
    if (!this.#isConnected) await this.#connected(deadline, options)
  }

  /** Probes the server at once while the circuit breaker is open: a check must not be rejected without a look. */
  async probe(deadline: number): Promise<void> {
    if (this.#circuit.isOpen) await withDeadline(deadline, this.#circuit.probe(), 'Redis')
  }

  async send(command: Command, deadline: number, options?: DeadlineOptions): Promise<unknown> {
    if (!this.isReady) await this.ready(deadline, options)
    this.#role.used()
    const [name, ...args] = command
    try {
      return await this.#answered(
        [command],
        deadline,
        () => this.#client.callBuffer(name, args),
        none,
        options,
      )
    } catch (error) {
      this.noticeRefusal((error as Error).cause)
      throw error
    }
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
    return replaceSilentSubscriptions(this.#clients.openSubscriber())
  }

  close(): void {
    this.#isClosed = true
    this.#circuit.stop()
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
    const replies = await this.#answered(commands, deadline, send, lossAmong, options)
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
  async #answered<T>(
    commands: readonly Command[],
    deadline: number,
    send: () => Promise<T>,
    lossIn: (reply: T) => unknown,
    options?: DeadlineOptions,
  ): Promise<T> {
    const unanswered = this.#silence.prepare(commands)
    const { stream } = this.#client
    try {
      const answer = send()
      this.#silence.sent(unanswered)
      const settle = (loss: unknown) => {
        if (loss === undefined) this.#arrived(unanswered)
        else this.#lost(unanswered, stream, loss)
      }
      answer.then(
        (reply) => settle(lossIn(reply)),
        (error: unknown) => settle(isLoss(error) ? error : undefined),
      )
      return await withDeadline(deadline, answer, 'Redis', options)
    } catch (error) {
      const failure = asNotResponding(error)
      if (this.#silence.has(unanswered)) {
        this.#silence.abandon(unanswered)
        if (this.#isSilence(unanswered, deadline, error)) this.#circuit.unanswered(failure, unanswered.sentAt)
      }
      throw failure
    }
  }

  #arrived(unanswered: Unanswered): void {
    this.#silence.answered(unanswered)
    this.#replyLimit.answered(this.#client.stream)
    this.#circuit.answered(unanswered.sentAt, unanswered.isAbandoned)
  }

  /** Everything that was lost with one socket counts as one failure, and as none where this process has ended it. */
  #lost(unanswered: Unanswered, stream: unknown, reason: unknown): void {
    this.#silence.lost(unanswered)
    if (stream === this.#lostSocket || stream === this.#endedSocket || this.#isClosed) return
    this.#lostSocket = stream
    this.#circuit.unanswered(asNotResponding(reason), unanswered.sentAt)
  }

  /** Whether a deadline has passed because the server is silent. */
  #isSilence({ sentAt }: Unanswered, deadline: number, error: unknown): boolean {
    // It was sent when most of its time was over.
    if (deadline - sentAt < this.#timeoutMs / 2) return false
    // A large reply, or a large command, holds up everything after it.
    if (this.#replyLimit.isArrivingSince(sentAt)) return false
    const { oldest } = this.#silence
    if (oldest && oldest.bytes >= LARGE.bytes) {
      const sendingMs = oldest.bytes / LARGE.bytesPerMs
      if (performance.now() - oldest.sentAt < deadline - sentAt + sendingMs) return false
    }
    // This process was busy, and has not read everything that arrived.
    return ownDelayOf(error) === 0 || !this.#replyLimit.hasReceivedSince(deadline)
  }

  /** Whether there is a connection, which may be silent. */
  get #isConnected(): boolean {
    const { status, stream } = this.#client
    // One that is being replaced is `ready` until its socket is closed.
    return status === 'ready' && stream.writable
  }

  async #connected(deadline: number, options?: DeadlineOptions): Promise<void> {
    const client = this.#client
    // The client ends a moment later, and nothing should wait for that.
    if (this.#isClosed || client.status === 'end') throw notResponding('its connection was closed')
    // A socket keeps the async context it was opened in: the first request's would never be freed.
    if (client.status === 'wait') detached(() => client.connect().catch(ignore))
    // `once` also rejects at the first 'error': a refused connection fails at once.
    this.#opening ??= once(client, 'ready').finally(() => {
      this.#opening = undefined
    })
    const startedAt = performance.now()
    try {
      await withDeadline(deadline, this.#opening, 'Redis', options)
    } catch (error) {
      const failure = asNotResponding(refusalOf(client) ?? error)
      const isFailure = !(error instanceof NodeOfClusterError) && error !== this.#failedAttempt
      if (isFailure && ownDelayOf(error) === 0) this.#circuit.unanswered(failure, startedAt)
      this.#failedAttempt = error
      throw failure
    }
  }

  #notifyReady(): void {
    for (const listener of this.#readyListeners) listener()
  }

  async #sendProbe(): Promise<void> {
    const deadline = performance.now() + this.#timeoutMs
    if (!this.#isConnected) await this.#connected(deadline, BACKGROUND)
    await this.#answered([PING], deadline, () => this.#alone(PING), lossAmong, BACKGROUND)
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
    const deadline = performance.now() + this.#timeoutMs
    return await this.#replies([['INFO', 'replication']], deadline, BACKGROUND).then(
      ([reply]) => reply,
      ignore,
    )
  }
}

const PING: Command = ['PING']

function none(): undefined {}

function lossAmong(replies: readonly unknown[]): unknown {
  return replies.find(isLoss)
}

/** Whether a reply is missing because the connection was lost. */
function isLoss(reply: unknown): boolean {
  return reply instanceof Error && reply.name !== 'ReplyError'
}
