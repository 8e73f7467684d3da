import type { Redis } from 'ioredis'
import { detached, ignore } from '../../background.js'
import type { CacheKey } from '../../key/cache-key.js'
import { withDeadline } from '../deadline.js'
import type { LeaseWatch, WakeWaiter } from '../store.js'
import { Waiters } from '../waiters.js'
import type { Names } from './names.js'
import { end } from './own-client.js'
import { LEASE_EVENT } from './scripts/functions/leases.js'
import type { Servers } from './servers.js'

/** Time until a subscription that the server has refused is tried again. */
const REFUSED_PAUSE_MS = 60_000

/**
 * Wakes waiters of this process by the lease events of all processes. An event is only an occasion to read again, and
 * what it says is never trusted. A waiter that misses one, or gets none since the connection is lost, polls.
 *
 * The connection is opened when a caller first has to wait.
 *
 * @see https://redis.io/docs/latest/develop/pubsub/
 */
export class LeaseEvents {
  readonly #waiters = new Waiters()
  readonly #servers: Servers
  readonly #names: Names
  readonly #timeoutMs: number
  #subscriber: Redis | undefined
  #opening: Promise<void> | undefined
  #notBefore = 0
  #isActive = false
  #isClosed = false

  constructor(servers: Servers, names: Names, timeoutMs: number) {
    this.#servers = servers
    this.#names = names
    this.#timeoutMs = timeoutMs
  }

  watch(key: CacheKey, wake: WakeWaiter): LeaseWatch {
    const events = this
    return {
      get active() {
        return events.#isActive
      },
      activate: () => events.#activate(),
      stop: this.#waiters.add(key, wake),
    }
  }

  close(): void {
    this.#isClosed = true
    this.#isActive = false
    if (this.#subscriber) end(this.#subscriber)
    this.#waiters.wakeAll()
  }

  async #activate(): Promise<void> {
    if (this.#isActive || this.#isClosed || performance.now() < this.#notBefore) return
    this.#opening ??= detached(() => this.#open())
    // Without events a waiter polls: no reason to fail.
    await withDeadline(performance.now() + this.#timeoutMs, this.#opening, 'Redis').catch(ignore)
  }

  /** Resolves when events arrive, or when the first attempt has failed: further ones are made in the background. */
  #open(): Promise<void> {
    const subscriber = this.#servers.openSubscriber()
    this.#subscriber = subscriber
    return new Promise((resolve) => {
      subscriber.on('message', (_channel: string, event: string) => this.#receive(event))
      subscriber.on('ready', async () => {
        try {
          await subscriber.subscribe(this.#names.leaseEvents())
          this.#isActive = !this.#isClosed
        } catch {
          this.#pause(subscriber)
        }
        resolve()
      })
      subscriber.on('close', () => {
        this.#isActive = false
        resolve()
        // Events from here on are lost: all waiters read again.
        this.#waiters.wakeAll()
      })
      subscriber.connect().catch(ignore)
    })
  }

  /** Where the user may not subscribe, each attempt would fail. */
  #pause(subscriber: Redis): void {
    end(subscriber)
    this.#opening = undefined
    this.#notBefore = performance.now() + REFUSED_PAUSE_MS
  }

  #receive(event: string): void {
    const kind = event[0]
    const path = this.#names.pathOf(event.slice(1))
    if (kind !== LEASE_EVENT.invalidatedBelow) this.#waiters.wake(path, kind === LEASE_EVENT.endedUnstored)
    else if (path === '') this.#waiters.wakeAll()
    else this.#waiters.wakeWithin(path)
  }
}
