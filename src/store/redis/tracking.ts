import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { detached, ignore } from '../../background.js'
import { BACKGROUND, withDeadline } from '../deadline.js'
import { STALENESS_BOUND_MS, type Tracking, type TrackingListener } from '../tracking.js'
import type { Command } from './command.js'
import type { Names } from './names.js'
import { asNotResponding } from './not-responding.js'
import { end, reconnect } from './own-client.js'
import type { Server } from './servers.js'

/** Channel on which the server reports changes, to the connection that they are redirected to. */
const CHANNEL = '__redis__:invalidate'

/** Interval at which the stream of changes is proved complete: several times within the bound, so that one slow answer does no harm. */
const PING_MS = STALENESS_BOUND_MS / 5

/** A stream that is silent for this long is replaced. */
const SILENT_MS = 2 * STALENESS_BOUND_MS

/** Maximum number of refusals in a row: the server may have been replaced by one that does not know the connection yet. */
const MAX_REFUSALS = 3

/** Time until a server that does not track, or forbids it, is tried again. */
const REFUSED_PAUSE_MS = 60_000

/** Time until tracking is tried again on a server that refuses commands for a while. */
const PASSING_PAUSE_MS = 1_000

/**
 * Beginnings of the errors with which a server refuses commands for good. All others pass: while it loads its data, is full,
 * cannot save, or has lost its master.
 */
const FOR_GOOD = /^(?:NOPERM|ERR)\b/

/** Makes the server track the keys of the next command. */
export const TRACK_NEXT: Command = ['CLIENT', 'CACHING', 'YES']

/** A moment by both clocks: a machine that sleeps may stop one of them. */
interface ClockReading {
  readonly monotonic: number
  readonly wall: number
}

const NEVER: ClockReading = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }

/**
 * Client tracking of the server: it records which keys this process has read, and reports once when one of them
 * changes. Keys are read on one connection. Their changes are reported on a second one, in order.
 *
 * Two pings, one on each connection, prove by their answers that all changes made before the pings have arrived:
 * 1. The reading connection has answered, so it was not lost. So the server has kept the record of what was read on it.
 * 2. With that record, the server reported each change on the second connection when the change was made. So it sent the
 *    report before it answered the ping there.
 * 3. A connection delivers in order. So the report arrived before the answer.
 *
 * @see https://redis.io/docs/latest/develop/reference/client-side-caching/
 * @see https://redis.io/docs/latest/commands/client-tracking/
 * @see https://redis.io/docs/latest/commands/client-caching/
 */
export class RedisTracking implements Tracking {
  readonly #server: Server
  readonly #names: Names
  readonly #timeoutMs: number
  #listener: TrackingListener | undefined
  #subscriber: Redis | undefined
  /** Id of the second connection on the server, while it exists. */
  #subscriberId: number | undefined
  #epoch: number | undefined
  #epochs = 0
  #refusals = 0
  /** A name whose change is to be reported. */
  #sample: { readonly name: string; readonly reported: () => void; readonly lost: () => void } | undefined
  /** All changes until this moment have arrived. */
  #proved: ClockReading = NEVER
  readonly #closed = new AbortController()

  constructor(server: Server, names: Names, timeoutMs: number) {
    this.#server = server
    this.#names = names
    this.#timeoutMs = timeoutMs
  }

  get epoch(): number | undefined {
    return this.#epoch
  }

  isUpToDate(): boolean {
    const { monotonic, wall } = this.#proved
    return performance.now() - monotonic <= STALENESS_BOUND_MS && Date.now() - wall <= STALENESS_BOUND_MS
  }

  start(listener: TrackingListener): void {
    this.#listener = listener
    this.#server.onReady(() => detached(() => this.#begin()))
    this.#server.onLost(() => this.#end())
  }

  close(): void {
    this.#closed.abort()
    this.#end()
    if (this.#subscriber) end(this.#subscriber)
  }

  #begin(): void {
    if (this.#closed.signal.aborted) return
    if (this.#subscriber) void this.#track()
    else this.#subscribe()
  }

  #subscribe(): void {
    const subscriber = this.#server.openSubscriber()
    this.#subscriber = subscriber
    subscriber.on('messageBuffer', (_channel: Buffer, names: Buffer[] | null) => this.#receive(names))
    subscriber.on('ready', () => void this.#listen(subscriber))
    subscriber.on('close', () => {
      this.#subscriberId = undefined
      this.#end()
    })
    subscriber.connect().catch(ignore)
  }

  async #listen(subscriber: Redis): Promise<void> {
    try {
      // Before the subscription, after which the connection takes no such command.
      const id = Number(await subscriber.call('CLIENT', 'ID'))
      await subscriber.subscribe(CHANNEL)
      this.#subscriberId = id
      await this.#track()
    } catch (error) {
      this.#failed(subscriber, error)
    }
  }

  /** Begins an epoch, if both connections are there. */
  async #track(): Promise<void> {
    const redirect = this.#subscriberId
    const subscriber = this.#subscriber
    if (redirect === undefined || !subscriber || !this.#server.isReady) return
    this.#end()
    const turn = this.#epochs
    try {
      // OPTIN: only reads after `TRACK_NEXT` are tracked.
      const track = ['CLIENT', 'TRACKING', 'ON', 'REDIRECT', redirect, 'OPTIN'] as const
      await this.#server.send(track, BACKGROUND)
      // A connection that was lost meanwhile begins an epoch of its own.
      if (turn !== this.#epochs) return
      await this.#trackSample()
      const proved = await this.#ping(subscriber, this.#timeoutMs)
      if (turn !== this.#epochs || this.#closed.signal.aborted) return
      this.#refusals = 0
      this.#proved = proved
      this.#epoch = turn
      void this.#prove(subscriber, turn)
    } catch (error) {
      if (turn === this.#epochs) this.#failed(subscriber, error)
    }
  }

  /**
   * Proves that changes are reported here: behind one address there may be two servers, and another client's
   * connection may have the same id.
   */
  async #trackSample(): Promise<void> {
    const name = this.#names.sample(randomUUID())
    const arrival = new Promise<void>((reported, lost) => {
      this.#sample = { name, reported, lost }
    })
    // Either may fail first.
    arrival.catch(ignore)
    const change: Command = ['SET', name, '', 'PX', STALENESS_BOUND_MS]
    const replies = await this.#server.sendAll([TRACK_NEXT, ['GET', name], change], BACKGROUND)
    const refused = replies.find((reply) => reply instanceof Error)
    if (refused !== undefined) throw asNotResponding(refused)
    await withDeadline(performance.now() + SILENT_MS, arrival, 'Redis', BACKGROUND).catch(() => {
      throw new UnreportedError('changes are not reported on the connection that listens for them')
    })
  }

  /** Proves at intervals that the stream is complete, as long as this epoch lasts. */
  async #prove(subscriber: Redis, epoch: number): Promise<void> {
    const { signal } = this.#closed
    try {
      for (;;) {
        await pause(PING_MS, undefined, { signal, ref: false })
        if (this.#epoch !== epoch) return
        const proved = await this.#ping(subscriber, SILENT_MS)
        if (this.#epoch !== epoch) return
        this.#proved = proved
      }
    } catch (error) {
      if (this.#epoch === epoch && !signal.aborted) this.#failed(subscriber, error)
    }
  }

  /** Returns a moment until which all changes have arrived. */
  async #ping(subscriber: Redis, timeoutMs: number): Promise<ClockReading> {
    const sent = { monotonic: performance.now(), wall: Date.now() }
    const deadline = performance.now() + timeoutMs
    await Promise.all([
      this.#server.send(['PING'], { ...BACKGROUND, timeoutMs }),
      withDeadline(deadline, subscriber.ping(), 'Redis', BACKGROUND),
    ])
    return sent
  }

  /**
   * Tries again: at once where the server is silent, soon where it refuses commands for a while, much later where it does
   * not track, or forbids it.
   */
  #failed(subscriber: Redis, error: unknown): void {
    const refusal = refusalIn(error)
    if (refusal && isPassing(refusal)) {
      this.#end()
      this.#after(PASSING_PAUSE_MS, () => {
        if (this.#subscriberId === undefined) reconnect(subscriber)
        else if (this.#epoch === undefined) void this.#track()
      })
      return
    }
    if (!refusal || ++this.#refusals < MAX_REFUSALS) {
      reconnect(subscriber)
      return
    }
    this.#refusals = 0
    this.#listener?.refused(refusal)
    this.#after(REFUSED_PAUSE_MS, () => reconnect(subscriber))
  }

  #after(ms: number, act: () => void): void {
    pause(ms, undefined, { signal: this.#closed.signal, ref: false }).then(act, ignore)
  }

  /** Ends the epoch: no value that was read in it may be served from memory any more. */
  #end(): void {
    this.#epochs++
    this.#epoch = undefined
    this.#proved = NEVER
    this.#sample?.lost()
    this.#sample = undefined
    this.#listener?.lost()
  }

  /** `null` instead of names means that the server was flushed. */
  #receive(names: readonly Buffer[] | null): void {
    if (names === null) {
      this.#listener?.generationChanged('')
      return
    }
    for (const bytes of names) {
      const name = bytes.toString()
      if (name === this.#sample?.name) this.#sample.reported()
      const changed = this.#names.parse(name)
      if (changed?.kind === 'entry') this.#listener?.entryChanged(changed.path)
      else if (changed) this.#listener?.generationChanged(changed.path)
    }
  }
}

class UnreportedError extends Error {}

function isPassing(refusal: Error): boolean {
  return !(refusal instanceof UnreportedError) && !FOR_GOOD.test(refusal.message)
}

/** The error with which the server has refused tracking, or that it reports nothing; `undefined` for other failures. */
function refusalIn(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined
  return error instanceof UnreportedError || error.name === 'ReplyError' ? error : refusalIn(error.cause)
}
