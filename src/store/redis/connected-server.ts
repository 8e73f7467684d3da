import type { Redis } from 'ioredis'
import type { StoreHealth } from '../health.js'
import type { ServerAccess } from './access.js'
import { Batching, type InCluster } from './batching.js'
import type { ServerClock } from './clock.js'
import type { Command } from './command.js'
import { Connection } from './connection.js'
import type { SendOptions, Server, ServersOptions } from './servers.js'
import type { RedisTarget } from './target.js'

/** A server that is reached by one connection. It opens when it is first needed. */
export abstract class ConnectedServer implements Server {
  abstract readonly description: string
  readonly batching: Batching
  protected readonly connection: Connection
  readonly #timeoutMs: number

  constructor(
    target: RedisTarget | ServerAccess,
    { connectTimeoutMs, timeoutMs, maxBytes, tracking }: Omit<ServersOptions, 'redis'>,
    inCluster?: InCluster,
  ) {
    this.connection = new Connection(target, connectTimeoutMs, timeoutMs)
    const epochs = {
      get epoch() {
        return tracking().epoch
      },
    }
    this.batching = new Batching(this.connection, epochs, timeoutMs, maxBytes, inCluster)
    this.#timeoutMs = timeoutMs
  }

  get clock(): ServerClock {
    return this.batching.clock
  }

  get isReady(): boolean {
    return this.connection.isReady
  }

  get isSilent(): boolean {
    return this.connection.isSilent
  }

  get health(): StoreHealth {
    return this.connection.health
  }

  probe(): Promise<void> {
    return this.connection.probe(this.#deadline())
  }

  send(command: Command, options?: SendOptions): Promise<unknown> {
    return this.connection.send(command, this.#deadline(options), options)
  }

  sendAll(commands: readonly Command[], options?: SendOptions): Promise<unknown[]> {
    return this.connection.sendAll(commands, this.#deadline(options), options)
  }

  onReady(listener: () => void): void {
    this.connection.onReady(listener)
  }

  onLost(listener: () => void): void {
    this.connection.onLost(listener)
  }

  openSubscriber(): Redis {
    return this.connection.openSubscriber()
  }

  close(): void {
    this.connection.close()
  }

  #deadline({ timeoutMs = this.#timeoutMs }: SendOptions = {}): number {
    return performance.now() + timeoutMs
  }
}
