import { accessOf } from './access.js'
import { ClusterServers } from './cluster/cluster-servers.js'
import { type Servers, type ServersOptions, SingleServer } from './servers.js'

/** Opens the servers that a target names. */
export function openServers(options: ServersOptions): Servers {
  const access = accessOf(options.redis)
  return access.kind === 'cluster' ? new ClusterServers(access, options) : new SingleServer(options)
}
