import type { Redis } from 'ioredis'
import type { BreakerMessage } from '../../../channels.js'
import type { StoreHealth } from '../../health.js'
import { type ClusterAccess, nodeAccess } from '../access.js'
import { Batching } from '../batching.js'
import type { ServerClock } from '../clock.js'
import type { Command } from '../command.js'
import { Connection } from '../connection.js'
import type { Address } from '../redis-url.js'
import type { SendOptions, Server, ServersOptions } from '../servers.js'
import type { WriteOrder } from '../write-order.js'
import { slotOf } from './slot.js'
import { textOf } from './slot-owners.js'

export interface ClusterNodeOptions extends Omit<ServersOptions, 'redis'> {
  readonly access: ClusterAccess
  /** The order of writes to all nodes. */
  readonly order: WriteOrder
  /** Called when the circuit breaker of a node has opened or closed. */
  readonly onBreakerChange: (change: BreakerMessage) => void
}

/** A node of a Cluster. Its connection opens when it is first needed. */
export class ClusterNode implements Server {
  readonly batching: Batching
  readonly #connection: Connection
  readonly #timeoutMs: number

  constructor(
    readonly address: Address,
    { access, order, onBreakerChange, connectTimeoutMs, timeoutMs, maxBytes, tracking }: ClusterNodeOptions,
  ) {
    this.#connection = new Connection(nodeAccess(access, address), connectTimeoutMs, timeoutMs)
    this.#connection.health.onChange(onBreakerChange)
    const epochs = {
      get epoch() {
        return tracking().epoch
      },
    }
    this.batching = new Batching(this.#connection, epochs, timeoutMs, maxBytes, { slotOf, order })
    this.#timeoutMs = timeoutMs
  }

  get description(): string {
    return textOf(this.address)
  }

  get clock(): ServerClock {
    return this.batching.clock
  }

  get isReady(): boolean {
    return this.#connection.isReady
  }

  get isSilent(): boolean {
    return this.#connection.isSilent
  }

  get health(): StoreHealth {
    return this.#connection.health
  }

  probe(): Promise<void> {
    return this.#connection.probe(this.#deadline())
  }

  send(command: Command, options?: SendOptions): Promise<unknown> {
    return this.#connection.send(command, this.#deadline(options), options)
  }

  sendAll(commands: readonly Command[], options?: SendOptions): Promise<unknown[]> {
    return this.#connection.sendAll(commands, this.#deadline(options), options)
  }

  onReady(listener: () => void): void {
    this.#connection.onReady(listener)
  }

  onLost(listener: () => void): void {
    this.#connection.onLost(listener)
  }

  openSubscriber(): Redis {
    return this.#connection.openSubscriber()
  }

  close(): void {
    this.#connection.close()
  }

  #deadline({ timeoutMs = this.#timeoutMs }: SendOptions = {}): number {
    return performance.now() + timeoutMs
  }
}
