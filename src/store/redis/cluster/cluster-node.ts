import type { BreakerMessage } from '../../../channels.js'
import { type ClusterAccess, nodeAccess } from '../access.js'
import { ConnectedServer } from '../connected-server.js'
import type { Address } from '../redis-url.js'
import type { ServersOptions } from '../servers.js'
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

/** A node of a Cluster. */
export class ClusterNode extends ConnectedServer {
  constructor(
    readonly address: Address,
    { access, order, onBreakerChange, ...options }: ClusterNodeOptions,
  ) {
    super(nodeAccess(access, address), options, { slotOf, order })
    this.health.onChange(onBreakerChange)
  }

  get description(): string {
    return textOf(this.address)
  }
}
