import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { detached, ignore } from '../../background.js'
import { before } from '../deadline.js'
import { STALENESS_BOUND_MS, type Tracking, type TrackingListener } from '../tracking.js'
import type { Command } from './command.js'
import type { Connection } from './connection.js'
import type { Names } from './names.js'
import { end, reconnect } from './own-client.js'

/** Where a server tells of changes, on the connection that it was told to redirect them to. */
const CHANNEL = '__redis__:invalidate'

/** How often the stream of changes is proved complete: several times within the bound, so that one slow answer is none too few. */
const PING_MS = STALENESS_BOUND_MS / 5

/** A stream that has been silent for so long is given up for a new one. */
const SILENT_MS = 2 * STALENESS_BOUND_MS

/** So often in a row a server may refuse, or not tell: another may have taken its place, which knows no connection yet. */
const MAX_REFUSALS = 3

/** One that does not track, or forbids it, is asked again after so long. */
const REFUSED_PAUSE_MS = 60_000

/** The next command's keys are those whose changes are to be told. */
export const TRACK_NEXT: Command = ['CLIENT', 'CACHING', 'YES']

/** By both clocks: a machine that sleeps may stop one of them. */
interface Moment {
  readonly monotonic: number
  readonly wall: number
}

const NEVER: Moment = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }

/**
 * The server's own client tracking: it remembers which names this process has
 * read, and tells once when one of them changes. What the reading connection
 * reads is told on a second one, on which nothing overtakes anything. So the
 * answers to two pings prove that all that changed before they were sent has
 * been told: the reading connection was there until then, or the server would
 * have forgotten what it had read; and what came before the other ping, came
 * before its answer.
 *
 * @see https://redis.io/docs/latest/develop/reference/client-side-caching/
 * @see https://redis.io/docs/latest/commands/client-tracking/
 * @see https://redis.io/docs/latest/commands/client-caching/
 */
export class RedisTracking implements Tracking {
  readonly #connection: Connection
  readonly #names: Names
  readonly #timeoutMs: number
  // What is opened here outlives the request that was the first to read.
  #listener: TrackingListener | undefined
  #subscriber: Redis | undefined
  /** What the server calls the connection that changes are told on, while it is there. */
  #subscriberId: number | undefined
  #epoch: number | undefined
  #epochs = 0
  #refusals = 0
  /** A name whose change is waited for. */
  #sample: { readonly name: string; readonly told: () => void; readonly lost: () => void } | undefined
  /** Until when all changes have been told. */
  #proved: Moment = NEVER
  readonly #closed = new AbortController()

  constructor(connection: Connection, names: Names, timeoutMs: number) {
    this.#connection = connection
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
    this.#connection.onReady(() => detached(() => this.#begin()))
    this.#connection.onLost(() => this.#end())
  }

  close(): void {
    this.#closed.abort()
    this.#end()
    if (this.#subscriber) end(this.#subscriber)
  }

  /** Can read from now on: the changes are wanted too. */
  #begin(): void {
    if (this.#closed.signal.aborted) return
    if (this.#subscriber) void this.#track()
    else this.#subscribe()
  }

  #subscribe(): void {
    const subscriber = this.#connection.openSubscriber()
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
      // Before it subscribes: after that it may not ask any more.
      const id = Number(await subscriber.call('CLIENT', 'ID'))
      await subscriber.subscribe(CHANNEL)
      this.#subscriberId = id
      await this.#track()
    } catch (error) {
      this.#failed(subscriber, error)
    }
  }

  /** Has what is read from now on tracked, if both connections are there. */
  async #track(): Promise<void> {
    const redirect = this.#subscriberId
    const subscriber = this.#subscriber
    if (redirect === undefined || !subscriber || !this.#connection.isReady) return
    this.#end()
    const turn = this.#epochs
    try {
      // Only what is read to be kept: OPTIN.
      const track = ['CLIENT', 'TRACKING', 'ON', 'REDIRECT', redirect, 'OPTIN'] as const
      await this.#connection.send(track, performance.now() + this.#timeoutMs, BACKGROUND)
      // Either connection may be lost meanwhile: that one begins anew.
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
   * Proves that changes are told here: behind one address there may be two servers, and a connection of somebody else
   * with the same number.
   */
  async #trackSample(): Promise<void> {
    const name = this.#names.sample(randomUUID())
    const arrival = new Promise<void>((told, lost) => {
      this.#sample = { name, told, lost }
    })
    // Either may fail first.
    arrival.catch(ignore)
    const change: Command = ['SET', name, '', 'PX', STALENESS_BOUND_MS]
    await this.#connection.sendAll(
      [TRACK_NEXT, ['GET', name], change],
      performance.now() + this.#timeoutMs,
      BACKGROUND,
    )
    await before(performance.now() + SILENT_MS, arrival, 'Redis', BACKGROUND).catch(() => {
      throw new UntoldError('what changes is not told on the connection that listens')
    })
  }

  /** Proves again and again that what the server tells arrives, as long as this epoch lasts. */
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

  /** Until when all changes have been told. */
  async #ping(subscriber: Redis, timeoutMs: number): Promise<Moment> {
    const sent = { monotonic: performance.now(), wall: Date.now() }
    const deadline = performance.now() + timeoutMs
    await Promise.all([
      this.#connection.send(['PING'], deadline, BACKGROUND),
      before(deadline, subscriber.ping(), 'Redis', BACKGROUND),
    ])
    return sent
  }

  /** Begins anew: at once where the server is silent, much later where it does not track, or forbids it. */
  #failed(subscriber: Redis, error: unknown): void {
    const refusal = refusalIn(error)
    if (!refusal || ++this.#refusals < MAX_REFUSALS) {
      reconnect(subscriber)
      return
    }
    this.#refusals = 0
    this.#listener?.refused(refusal)
    const again = () => reconnect(subscriber)
    pause(REFUSED_PAUSE_MS, undefined, { signal: this.#closed.signal, ref: false }).then(again, ignore)
  }

  /** Nothing is tracked any more, and nothing that is kept may be served. */
  #end(): void {
    this.#epochs++
    this.#epoch = undefined
    this.#proved = NEVER
    this.#sample?.lost()
    this.#sample = undefined
    this.#listener?.lost()
  }

  /** Nothing instead of names: the server was flushed. */
  #receive(names: readonly Buffer[] | null): void {
    if (names === null) {
      this.#listener?.generationChanged('')
      return
    }
    for (const bytes of names) {
      const name = bytes.toString()
      if (name === this.#sample?.name) this.#sample.told()
      const changed = this.#names.whatIs(name)
      if (changed?.kind === 'entry') this.#listener?.entryChanged(changed.path)
      else if (changed) this.#listener?.generationChanged(changed.path)
    }
  }
}

/** Nobody waits for it: the process may end. */
const BACKGROUND = { isAwaited: false }

class UntoldError extends Error {}

/** That the server has said no, or says nothing, if that is what went wrong. */
function refusalIn(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined
  return error instanceof UntoldError || error.name === 'ReplyError' ? error : refusalIn(error.cause)
}
