import { setTimeout as pause } from 'node:timers/promises'
import { ignore } from '../../background.js'
import { parseFrame } from '../../entry/frame.js'
import { GENERATIONS_AT, ID_BYTES } from '../../entry/layout.js'
import type { CacheKey } from '../../key/cache-key.js'
import { before } from '../deadline.js'
import { judge } from '../judge.js'
import type { Batching } from './batching.js'
import type { Command } from './command.js'
import type { Connection } from './connection.js'
import type { Names } from './names.js'
import { RECLAIM } from './scripts/entries.js'

/** A page of names and the pause after it: at most ten thousand names a second, about half of that where all are ours. */
const PAGE = 500
const PAUSE_MS = 50
/** Deletes come in bursts; one pass serves them all. */
const DELAY_MS = 1_000
/** How long a process that died in the middle keeps the others from going on. */
const LOCK_MS = 30_000
/** Nobody waits for it: the process may end. */
const BACKGROUND = { isAwaited: false }
/** What `PTTL` says of something that stays for ever. */
const WITHOUT_END = -1
/** Enough for a time in milliseconds. */
const MOMENT_BYTES = 20
/** How long the time of the last pass is remembered. */
const SWEPT_MS = 3_600_000

/**
 * Frees the memory of entries that a delete with children has made unreadable,
 * in the background and at a bounded pace: one process at a time walks the
 * names once after a delete. What it misses goes with its TTL.
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

  /** Something was invalidated just now: there may be dead entries. */
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
    // Its commands keep no process alive, but whoever closes waits for them.
    await before(this.#deadline(), this.#running, 'Redis').catch(ignore)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    try {
      do {
        await pause(DELAY_MS, undefined, { signal, ref: false })
      } while (!(await this.#turn()))
    } catch {
      // A stop, or a server in trouble: what is left goes with its TTL, or with the next pass.
    }
  }

  /** Whether nothing is left to do. */
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
      // One that does not lapse is nobody's lock.
      const remainingMs = Number(await this.#send(['PTTL', lock]))
      if (remainingMs === WITHOUT_END || remainingMs > LOCK_MS) await this.#send(['DEL', lock])
      return false
    }
    try {
      await this.#pass(lock)
      await this.#send(['SET', swept, Math.floor(start), 'PX', SWEPT_MS])
    } finally {
      // From a server that is silent it lapses.
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
    // Only now the generations: read before, they could be older than the entry and condemn a live one.
    const generations = await Promise.all(
      keys.map((key) => this.#batching.read(this.#names.generationsAbove(key), (values) => values)),
    )
    const dead = keys.flatMap((key, index) => {
      const frame = heads[index]
      if (!(frame instanceof Buffer) || frame.length === 0) return []
      const judgement = judge({ frame, generations: generations[index] ?? [] })
      const gone =
        !judgement.live && (judgement.reason === 'ancestor-deleted' || judgement.reason === 'generation-lost')
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
