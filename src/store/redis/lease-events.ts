import type { Redis } from 'ioredis'
import { detached, ignore } from '../../background.js'
import type { CacheKey } from '../../key/cache-key.js'
import { before } from '../deadline.js'
import type { Wake, Watch } from '../store.js'
import { Watchers } from '../watchers.js'
import type { Connection } from './connection.js'
import type { Names } from './names.js'
import { end } from './own-client.js'
import { LEASE_EVENT } from './scripts/functions/leases.js'

const REFUSED_PAUSE_MS = 60_000

/**
 * Wakes those who wait for a computation of another process. What a message
 * says is never trusted, only taken as an occasion to look; who misses one, or
 * gets none because the connection is lost, looks a little later by itself.
 *
 * The connection is opened when somebody first has to wait.
 *
 * @see https://redis.io/docs/latest/develop/pubsub/
 */
export class LeaseEvents {
  readonly #watchers = new Watchers()
  readonly #connection: Connection
  readonly #names: Names
  readonly #timeoutMs: number
  // What is opened here outlives the request that was the first to wait.
  #subscriber: Redis | undefined
  #opening: Promise<void> | undefined
  #notBefore = 0
  #active = false
  #closed = false

  constructor(connection: Connection, names: Names, timeoutMs: number) {
    this.#connection = connection
    this.#names = names
    this.#timeoutMs = timeoutMs
  }

  watch(key: CacheKey, wake: Wake): Watch {
    const news = this
    return {
      get active() {
        return news.#active
      },
      activate: () => news.#activate(),
      stop: this.#watchers.add(key, wake),
    }
  }

  close(): void {
    this.#closed = true
    this.#active = false
    if (this.#subscriber) end(this.#subscriber)
    this.#watchers.wakeAll()
  }

  async #activate(): Promise<void> {
    if (this.#active || this.#closed || performance.now() < this.#notBefore) return
    this.#opening ??= detached(() => this.#open())
    // Without news one polls: no reason to fail.
    await before(performance.now() + this.#timeoutMs, this.#opening, 'Redis').catch(ignore)
  }

  /** Resolves when news arrive, or when the first attempt has failed: the others are made in the background. */
  #open(): Promise<void> {
    const subscriber = this.#connection.openSubscriber()
    this.#subscriber = subscriber
    return new Promise((resolve) => {
      subscriber.on('message', (_channel: string, event: string) => this.#receive(event))
      subscriber.on('ready', async () => {
        try {
          await subscriber.subscribe(this.#names.news())
          this.#active = !this.#closed
        } catch {
          this.#pause(subscriber)
        }
        resolve()
      })
      subscriber.on('close', () => {
        this.#active = false
        resolve()
        // What happened from here on will not be told.
        this.#watchers.wakeAll()
      })
      subscriber.connect().catch(ignore)
    })
  }

  /** This user may not subscribe, say: to try again at every wait would be too often. */
  #pause(subscriber: Redis): void {
    end(subscriber)
    this.#opening = undefined
    this.#notBefore = performance.now() + REFUSED_PAUSE_MS
  }

  #receive(event: string): void {
    const path = this.#names.pathOf(event.slice(1))
    if (event[0] !== LEASE_EVENT.invalidatedBelow)
      this.#watchers.wake(path, event[0] === LEASE_EVENT.endedUnstored)
    else if (path === '') this.#watchers.wakeAll()
    else this.#watchers.wakeWithin(path)
  }
}
