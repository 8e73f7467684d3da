import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import type { Redis } from 'ioredis'
import type { CacheKey } from '../../key/cache-key.js'
import { before } from '../deadline.js'
import type { Watch } from '../store.js'
import { Watchers } from '../watchers.js'
import type { Connection } from './connection.js'
import type { Names } from './names.js'
import { NEWS_OF_TREE } from './scripts.js'

/**
 * Wakes those who wait for a computation of another process. What a message
 * says is never trusted, only taken as an occasion to look; who misses one, or
 * gets none because the connection is lost, looks a little later by itself.
 *
 * The connection is opened when somebody first has to wait.
 *
 * @see https://redis.io/docs/latest/develop/pubsub/
 */
export class News {
  readonly #watchers = new Watchers()
  readonly #connection: Connection
  readonly #names: Names
  readonly #timeoutMs: number
  // What is opened here outlives the request that was the first to wait.
  readonly #outside = AsyncLocalStorage.snapshot()
  #subscriber: Redis | undefined
  #active = false
  #closed = false

  constructor(connection: Connection, names: Names, timeoutMs: number) {
    this.#connection = connection
    this.#names = names
    this.#timeoutMs = timeoutMs
  }

  watch(key: CacheKey, wake: () => void): Watch {
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
    this.#subscriber?.disconnect()
    this.#watchers.wakeAll()
  }

  async #activate(): Promise<void> {
    if (this.#active || this.#closed) return
    this.#subscriber ??= this.#outside(() => this.#open())
    const active = once(this.#subscriber, SUBSCRIBED)
    // Without news one polls: no reason to fail.
    await before(performance.now() + this.#timeoutMs, active, 'Redis').catch(() => {})
  }

  #open(): Redis {
    const subscriber = this.#connection.another()
    const channel = this.#names.news()
    subscriber.on('message', (_channel: string, message: string) => this.#receive(message))
    subscriber.on('ready', () => {
      subscriber.subscribe(channel).then(
        () => {
          this.#active = true
          subscriber.emit(SUBSCRIBED)
        },
        () => subscriber.disconnect(true),
      )
    })
    subscriber.on('close', () => {
      this.#active = false
      // What happened from here on will not be told.
      this.#watchers.wakeAll()
    })
    subscriber.connect().catch(() => {})
    return subscriber
  }

  #receive(message: string): void {
    const path = this.#names.pathOf(message.slice(1))
    if (message[0] !== NEWS_OF_TREE) this.#watchers.wake(path)
    else if (path === '') this.#watchers.wakeAll()
    else this.#watchers.wakeWithin(path)
  }
}

/** Emitted on a subscriber once its messages arrive. */
const SUBSCRIBED = 'keyedcache:subscribed'
