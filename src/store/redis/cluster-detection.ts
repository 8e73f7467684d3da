import type { Redis } from 'ioredis'
import { ignore } from '../../background.js'

/** Redis and Valkey name the field differently. */
const CLUSTER_MODE = /^(?:redis|server)_mode:cluster/m

/** Rejects what waits for a connection to a server that turns out to be a node of a Cluster. Nothing was sent. */
export class NodeOfClusterError extends Error {
  override readonly name = 'NodeOfClusterError'
  constructor() {
    super('the server is a node of a Redis Cluster')
  }
}

/**
 * Calls `found` when a client has connected, before it takes commands, with whether that is a node of a Cluster. Where the
 * user may not run `INFO`, it is not called.
 * @see https://redis.io/docs/latest/commands/info/
 */
export function detectCluster(client: Redis, found: (isCluster: boolean) => void): void {
  client.on('connect', async () => {
    const info = await client.info('server').catch(ignore)
    if (info) found(CLUSTER_MODE.test(String(info)))
  })
}
