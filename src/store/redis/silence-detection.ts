import { type Command, sizeOf } from './command.js'
import { notResponding } from './not-responding.js'

/** Maximum number and size of commands that are unanswered after their deadline: more would only cost memory. */
const MAX_ABANDONED = { commands: 2_000, bytes: 32 * 1024 * 1024 }

/** A connection whose oldest command is unanswered for this long is replaced. */
const SILENT_MS = 5_000

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
  #answeredAt = Number.NEGATIVE_INFINITY

  get oldest(): Unanswered | undefined {
    const [oldest] = this.#unanswered
    return oldest
  }

  /** Whether a command is unanswered after its deadline. */
  get isSilent(): boolean {
    return this.oldest?.isAbandoned === true
  }

  /** Whether the connection must be replaced, because it was silent for too long. */
  get isTooLong(): boolean {
    const { oldest } = this
    return oldest !== undefined && performance.now() - oldest.sentAt > SILENT_MS
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
    this.#unanswered.delete(unanswered)
    this.#answeredAt = performance.now()
    if (!unanswered.isAbandoned) return
    this.#abandoned.commands -= unanswered.commands.length
    this.#abandoned.bytes -= unanswered.bytes
  }

  /** Records that the deadline of unanswered commands has passed. */
  abandon(unanswered: Unanswered): void {
    unanswered.isAbandoned = true
    this.#abandoned.commands += unanswered.commands.length
    this.#abandoned.bytes += unanswered.bytes
  }
}
