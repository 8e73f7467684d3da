import type { Unanswered } from './silence-detection.js'

/**
 * Maximum size of the replies to one command. A larger one holds up every reply after it, so the connection is
 * replaced: a value can exceed what this cache writes only where another client wrote it.
 */
const MAX_REPLY_BYTES = 128 * 1024 * 1024

/** Maximum size of a reply that no caller waits for any more. */
const MAX_ABANDONED_REPLY_BYTES = 8 * 1024 * 1024

/** The part of a socket that the limit reads. */
interface Socket {
  readonly bytesRead: number
  on(event: 'data', listener: () => void): unknown
}

/** Follows replies while they are arriving, and detects one that is too large. */
export class ReplyLimit {
  /** Bytes that the socket had received when the last command was answered. */
  #answeredBytes = 0
  #received = 0
  #receivedAt = Number.NEGATIVE_INFINITY

  /** Whether a part of the next reply has arrived after this moment of `performance.now()`, and the rest has not. */
  isArrivingSince(moment: number): boolean {
    return this.#received > 0 && this.#receivedAt > moment
  }

  /** Whether anything has arrived after this moment of `performance.now()`. */
  hasReceivedSince(moment: number): boolean {
    return this.#receivedAt > moment
  }

  /** Watches a new socket; calls `onExceeded` with the commands whose reply is too large. */
  watch(
    socket: Socket,
    oldest: () => Unanswered | undefined,
    onExceeded: (commands: Unanswered) => void,
  ): void {
    this.#answeredBytes = 0
    this.#received = 0
    socket.on('data', () => {
      const received = socket.bytesRead - this.#answeredBytes
      this.#received = received
      this.#receivedAt = performance.now()
      if (received <= MAX_ABANDONED_REPLY_BYTES) return
      // Replies come in order: all bytes since the last answer belong to the oldest command.
      const commands = oldest()
      if (!commands) return
      if (received > (commands.isAbandoned ? MAX_ABANDONED_REPLY_BYTES : MAX_REPLY_BYTES))
        onExceeded(commands)
    })
  }

  answered(socket: Socket | undefined): void {
    this.#answeredBytes = socket?.bytesRead ?? 0
    this.#received = 0
  }
}
