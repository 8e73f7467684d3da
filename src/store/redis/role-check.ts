// Node's own, also while a test has faked the global ones: they wait for a server.
import { clearTimeout, setTimeout } from 'node:timers'
import { detached } from '../../background.js'

/** Interval at which the role is read while a connection is in use; the maximum where it leads to replicas again and again. */
const INTERVAL_MS = { normal: 5_000, maximum: 40_000 }

/**
 * Detects a server that has become a replica, for processes that only read: a write would be refused. Where the user may
 * not read the role, nothing is detected.
 * @see https://redis.io/docs/latest/commands/info/
 */
export class RoleCheck {
  readonly #readInfo: () => Promise<unknown>
  readonly #onReplica: () => void
  #intervalMs = INTERVAL_MS.normal
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  /** `readInfo` returns the reply to `INFO replication`; `onReplica` is called when it is that of a replica. */
  constructor(readInfo: () => Promise<unknown>, onReplica: () => void) {
    this.#readInfo = readInfo
    this.#onReplica = onReplica
  }

  /** Records that a command is sent: the role is read in a while. An unused connection costs nothing. */
  used(): void {
    if (this.#timer !== undefined || this.#isStopped) return
    this.#timer = detached(() => setTimeout(() => void this.#check(), this.#intervalMs)).unref()
  }

  close(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async #check(): Promise<void> {
    const info = await this.#readInfo()
    this.#timer = undefined
    if (info instanceof Error) return
    if (!/^role:slave\r?$/m.test(String(info))) {
      this.#intervalMs = INTERVAL_MS.normal
      return
    }
    // A replica may be what the application wants: its connections are not replaced all the time.
    this.#intervalMs = Math.min(INTERVAL_MS.maximum, this.#intervalMs * 2)
    this.#onReplica()
  }
}
