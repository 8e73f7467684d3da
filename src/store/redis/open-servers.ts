import { accessOf, isAccess } from './access.js'
import { AdaptiveServers } from './cluster/adaptive-servers.js'
import { ClusterServers } from './cluster/cluster-servers.js'
import type { Servers, ServersOptions } from './servers.js'

/** Opens the servers of a target: a Cluster, or one server, which may turn out to be a node of a Cluster. */
export function openServers({ redis, ...options }: ServersOptions): Servers {
  const access = isAccess(redis) ? redis : accessOf(redis)
  return access.kind === 'cluster'
    ? new ClusterServers(access, options)
    : new AdaptiveServers(access, options)
}
