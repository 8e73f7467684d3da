import { setTimeout as pause } from 'node:timers/promises'
import { ignore } from '../../background.js'
import { parseFrame } from '../../entry/frame.js'
import { GENERATIONS_AT, ID_BYTES } from '../../entry/layout.js'
import type { CacheKey } from '../../key/cache-key.js'
import { BACKGROUND, withDeadline } from '../deadline.js'
import { checkLiveness } from '../liveness.js'
import type { Batching } from './batching.js'
import type { Command } from './command.js'
import type { Connection } from './connection.js'
import type { Names } from './names.js'
import { RECLAIM } from './scripts/entries.js'

/** Names in a page and the pause after it: at most ten thousand names a second, about half of that where all are entries. */
const PAGE = 500
const PAUSE_MS = 50
/** Time from a delete to the pass: deletes come in bursts, and one pass serves them all. */
const DELAY_MS = 1_000
/** Life of the lock: the time for which a process that died during its pass keeps others from theirs. */
const LOCK_MS = 30_000
/** Reply to `PTTL` for a key that does not expire. */
const NO_EXPIRY = -1
/** Maximum length of a time in milliseconds. */
const MOMENT_BYTES = 20
/** How long the time of the last pass is kept. */
const SWEPT_MS = 3_600_000

/**
 * Deletes entries that a delete with children has made unreadable, in the background and at a bounded pace: one process
 * at a time passes over the names once after a delete. Entries that it misses go with their TTL.
 *
 * @see https://redis.io/docs/latest/commands/scan/
 */
export class Reclaiming {
  readonly #stopped = new AbortController()
  readonly #connection: Connection
  readonly #batching: Batching
  readonly #names: Names
  readonly #timeoutMs: number
  #running: Promise<void> | undefined
  #requestedAt = 0

  constructor(connection: Connection, batching: Batching, names: Names, timeoutMs: number) {
    this.#connection = connection
    this.#batching = batching
    this.#names = names
    this.#timeoutMs = timeoutMs
  }

  /** Requests a pass, since there may be dead entries from now on. */
  request(): void {
    this.#requestedAt = this.#batching.clock.at(performance.now())
    if (this.#stopped.signal.aborted) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async close(): Promise<void> {
    this.#stopped.abort()
    if (!this.#running || this.#connection.isSilent) return
    // Its commands do not keep the process alive, but `close` waits for them.
    await withDeadline(this.#deadline(), this.#running, 'Redis').catch(ignore)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    try {
      do {
        await pause(DELAY_MS, undefined, { signal, ref: false })
      } while (!(await this.#turn()))
    } catch {
      // A stop, or a store failure: what is left goes with its TTL, or with the next pass.
    }
  }

  /** Makes a pass, unless another process does. Returns whether nothing is left to do. */
  async #turn(): Promise<boolean> {
    const [lock, swept] = [this.#names.sweepLock(), this.#names.swept()]
    const start = this.#batching.clock.at(performance.now())
    const [last] = await this.#connection.sendAll(
      [['GETRANGE', swept, 0, MOMENT_BYTES]],
      this.#deadline(),
      BACKGROUND,
    )
    const sweptAt = Number(String(last))
    // One in the future was written before the server's clock was set back.
    if (sweptAt > this.#requestedAt && sweptAt <= start) return true
    if ((await this.#send(['SET', lock, '1', 'NX', 'PX', LOCK_MS])) === null) {
      // A lock that does not expire is not one of this cache.
      const remainingMs = Number(await this.#send(['PTTL', lock]))
      if (remainingMs === NO_EXPIRY || remainingMs > LOCK_MS) await this.#send(['DEL', lock])
      return false
    }
    try {
      await this.#pass(lock)
      await this.#send(['SET', swept, Math.floor(start), 'PX', SWEPT_MS])
    } finally {
      // On a silent server the lock expires.
      if (!this.#connection.isSilent) await this.#send(['DEL', lock])
    }
    return this.#requestedAt <= start
  }

  async #pass(lock: string): Promise<void> {
    let cursor = '0'
    do {
      const [next, names] = (await this.#send([
        'SCAN',
        cursor,
        'MATCH',
        this.#names.pattern(),
        'COUNT',
        PAGE,
      ])) as [Buffer, Buffer[]]
      await this.#reclaim(names)
      await this.#send(['PEXPIRE', lock, LOCK_MS])
      cursor = next.toString()
      await pause(PAUSE_MS, undefined, { signal: this.#stopped.signal, ref: false })
    } while (cursor !== '0')
  }

  async #reclaim(names: readonly Buffer[]): Promise<void> {
    const keys = names.flatMap((name) => this.#names.keyOf(name.toString()) ?? [])
    if (keys.length === 0) return
    const head = (key: CacheKey): Command => {
      return ['GETRANGE', this.#names.entry(key.text), 0, GENERATIONS_AT + key.segments.length * ID_BYTES - 1]
    }
    const heads = await this.#connection.sendAll(keys.map(head), this.#deadline(), BACKGROUND)
    // The generations after the entries: read before, they could be older than one of them and condemn what is live.
    const generations = await Promise.all(
      keys.map((key) => this.#batching.read(this.#names.generationsAbove(key), (values) => values)),
    )
    const dead = keys.flatMap((key, index) => {
      const frame = heads[index]
      if (!(frame instanceof Buffer) || frame.length === 0) return []
      const liveness = checkLiveness({ frame, generations: generations[index] ?? [] })
      const gone =
        !liveness.live && (liveness.reason === 'ancestor-deleted' || liveness.reason === 'generation-lost')
      const parsed = parseFrame(frame)
      return gone && parsed.kind === 'value' ? [{ name: this.#names.entry(key.text), id: parsed.id }] : []
    })
    if (dead.length === 0) return
    await this.#batching.run(
      RECLAIM,
      dead.map(({ name }) => name),
      ['', ...dead.map(({ id }) => id)],
    )
  }

  #send(command: Command): Promise<unknown> {
    return this.#connection.send(command, this.#deadline(), BACKGROUND)
  }

  #deadline(): number {
    return performance.now() + this.#timeoutMs
  }
}
