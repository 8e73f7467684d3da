// Node's own, also while a test has faked the global ones: they wait for a server.
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import { detached } from '../../background.js'
import { type Command, sizeOf } from './command.js'
import { notResponding } from './not-responding.js'

/** Maximum number and size of commands that are unanswered after their deadline: more would only cost memory. */
const MAX_ABANDONED = { commands: 2_000, bytes: 32 * 1024 * 1024 }

/** A connection whose oldest command is unanswered for this long is replaced. */
export const SILENT_MS = 5_000

/** Commands that were sent together and have not been answered yet. */
export interface Unanswered {
  readonly sentAt: number
  readonly commands: readonly Command[]
  readonly bytes: number
  /** Whether their deadline has passed: no caller waits for the answer any more. */
  isAbandoned: boolean
}

/** Detects a server that is connected but does not answer. Redis answers in order, so the oldest command decides. */
export class SilenceDetection {
  readonly #unanswered = new Set<Unanswered>()
  readonly #abandoned = { commands: 0, bytes: 0 }
  readonly #onTooLong: () => void
  #answeredAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined

  /** Calls `onTooLong` when the connection must be replaced, also where nothing more is sent on it. */
  constructor(onTooLong: () => void) {
    this.#onTooLong = onTooLong
  }

  get oldest(): Unanswered | undefined {
    const [oldest] = this.#unanswered
    return oldest
  }

  /** Whether a command is unanswered after its deadline. */
  get isSilent(): boolean {
    return this.oldest?.isAbandoned === true
  }

  /** Whether a command was answered within the last `ms` milliseconds. */
  hasAnsweredWithin(ms: number): boolean {
    return performance.now() - this.#answeredAt < ms
  }

  /**
   * Prepares an account of commands that are about to be sent.
   * @throws CacheNotRespondingError while too many are unanswered after their deadline
   */
  prepare(commands: readonly Command[]): Unanswered {
    const { commands: count, bytes } = this.#abandoned
    if (count >= MAX_ABANDONED.commands || bytes >= MAX_ABANDONED.bytes) {
      throw notResponding(`${count} commands (${bytes} bytes) are unanswered`)
    }
    let size = 0
    for (const command of commands) size += sizeOf(command)
    return { sentAt: performance.now(), commands, bytes: size, isAbandoned: false }
  }

  sent(unanswered: Unanswered): void {
    this.#unanswered.add(unanswered)
  }

  /** Whether these are still unanswered. */
  has(unanswered: Unanswered): boolean {
    return this.#unanswered.has(unanswered)
  }

  answered(unanswered: Unanswered): void {
    this.#answeredAt = performance.now()
    this.lost(unanswered)
  }

  /** Records that no answer will come: the connection was lost. */
  lost(unanswered: Unanswered): void {
    this.#unanswered.delete(unanswered)
    if (!unanswered.isAbandoned) return
    this.#abandoned.commands -= unanswered.commands.length
    this.#abandoned.bytes -= unanswered.bytes
  }

  /** Records that the deadline of unanswered commands has passed. */
  abandon(unanswered: Unanswered): void {
    unanswered.isAbandoned = true
    this.#abandoned.commands += unanswered.commands.length
    this.#abandoned.bytes += unanswered.bytes
    this.#watch()
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  /** Looks at the oldest command when it is too old. */
  #watch(): void {
    const { oldest } = this
    if (!oldest || this.#timer) return
    const remainingMs = Math.max(0, oldest.sentAt + SILENT_MS - performance.now())
    this.#timer = detached(() => setTimeout(() => setImmediate(this.#look), remainingMs)).unref()
  }

  // After an immediate: answers that arrived while this process was busy are read first.
  readonly #look = (): void => {
    this.#timer = undefined
    const { oldest } = this
    if (oldest && performance.now() - oldest.sentAt >= SILENT_MS) this.#onTooLong()
    else this.#watch()
  }
}
