import { setTimeout as pause } from 'node:timers/promises'
import { ignore } from '../../background.js'
import { parseFrame } from '../../entry/frame.js'
import { GENERATIONS_AT, ID_BYTES } from '../../entry/layout.js'
import type { CacheKey } from '../../key/cache-key.js'
import { BACKGROUND, withDeadline } from '../deadline.js'
import { checkLiveness } from '../liveness.js'
import type { Command } from './command.js'
import type { Names } from './names.js'
import { RECLAIM } from './scripts/entries.js'
import type { Server, Servers } from './servers.js'

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
  readonly #servers: Servers
  readonly #names: Names
  readonly #timeoutMs: number
  #running: Promise<void> | undefined
  #requestedAt = 0

  constructor(servers: Servers, names: Names, timeoutMs: number) {
    this.#servers = servers
    this.#names = names
    this.#timeoutMs = timeoutMs
  }

  /** Requests a pass, since there may be dead entries from now on. */
  request(): void {
    this.#requestedAt = this.#now()
    if (this.#stopped.signal.aborted) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  async close(): Promise<void> {
    this.#stopped.abort()
    if (!this.#running || this.#servers.isSilent) return
    // Its commands do not keep the process alive, but `close` waits for them.
    await withDeadline(performance.now() + this.#timeoutMs, this.#running, 'Redis').catch(ignore)
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
    const start = this.#now()
    const [last] = await this.#servers.sendTo(swept, [['GETRANGE', swept, 0, MOMENT_BYTES]], BACKGROUND)
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
      for (const server of await this.#servers.masters()) await this.#pass(server, lock)
      await this.#send(['SET', swept, Math.floor(start), 'PX', SWEPT_MS])
    } finally {
      // On a silent server the lock expires.
      if (!this.#servers.isSilent) await this.#send(['DEL', lock])
    }
    return this.#requestedAt <= start
  }

  async #pass(server: Server, lock: string): Promise<void> {
    const pattern = this.#names.pattern()
    let cursor = '0'
    do {
      const scan: Command = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', PAGE]
      const [next, names] = (await server.send(scan, BACKGROUND)) as [Buffer, Buffer[]]
      await this.#reclaim(server, names)
      await this.#send(['PEXPIRE', lock, LOCK_MS])
      cursor = next.toString()
      await pause(PAUSE_MS, undefined, { signal: this.#stopped.signal, ref: false })
    } while (cursor !== '0')
  }

  async #reclaim(server: Server, names: readonly Buffer[]): Promise<void> {
    const keys = names.flatMap((name) => this.#names.keyOf(name.toString()) ?? [])
    if (keys.length === 0) return
    const head = (key: CacheKey): Command => {
      return ['GETRANGE', this.#names.entry(key.text), 0, GENERATIONS_AT + key.segments.length * ID_BYTES - 1]
    }
    const heads = await server.sendAll(keys.map(head), BACKGROUND)
    // The generations after the entries: read before, they could be older than one of them and condemn what is live.
    const generations = await Promise.all(
      keys.map((key) => this.#servers.read(this.#names.generationsAbove(key), ({ values }) => values)),
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
    await Promise.all(dead.map(({ name, id }) => this.#servers.run(RECLAIM, [name], [id])))
  }

  /** Sends a command about the lock, or the time of the last pass. */
  async #send(command: Command): Promise<unknown> {
    const [reply] = await this.#servers.sendTo(this.#names.sweepLock(), [command], BACKGROUND)
    if (reply instanceof Error) throw reply
    return reply
  }

  #now(): number {
    return this.#servers.clockOf(this.#names.sweepLock()).at(performance.now())
  }
}
