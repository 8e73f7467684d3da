import { type BreakerMessage, breakers } from '../channels.js'
import type { Logger } from '../logger.js'
import type { StoreHealth } from '../store/health.js'
import type { PendingInvalidations } from '../tiers/pending-invalidations.js'

/**
 * Reports the circuit breakers of a store: each change on the channel, and each server that responds again in the log.
 * What is pending is repeated at once then.
 */
export function reportBreakers(health: StoreHealth, pending: PendingInvalidations, logger: Logger): void {
  health.onChange((change) => {
    if (breakers.hasSubscribers) breakers.publish(change)
    if (change.state === 'open') return
    logger.warn(`keyedcache: ${inWords(change)}`)
    pending.replayNow()
  })
}

function inWords({ server, openMs = 0 }: BreakerMessage): string {
  return `${server} is responding again, after ${(openMs / 1_000).toFixed(1)} s.`
}
