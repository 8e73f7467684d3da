import { AsyncLocalStorage } from 'node:async_hooks'
import cluster from 'node:cluster'
import { subscribe } from 'node:diagnostics_channel'
import { CHANNELS } from 'keyedcache'

/** Cache calls of the current request. */
const calls = new AsyncLocalStorage()

// keyedcache publishes in the async context of the caller, so each message finds its own request.
subscribe(CHANNELS.operation, (message) => calls.getStore()?.push(message))

/** Sets what the footer of every page shows: its cache calls, its time, and its worker. */
export function trace(_req, res, next) {
  const started = performance.now()
  const own = []
  res.locals.trace = {
    worker: cluster.isWorker
      ? `worker ${cluster.worker.id}, process ${process.pid}`
      : `process ${process.pid}`,
    milliseconds: () => performance.now() - started,
    calls: () => own.map(describe),
  }
  calls.run(own, next)
}

/** Cache calls of this request so far, for the page after a redirect. */
export function callsSoFar() {
  return (calls.getStore() ?? []).map(describe)
}

const REASONS = {
  absent: 'never set, or expired',
  deleted: 'deleted',
  'ancestor-deleted': 'deleted with what is above it',
  'generation-lost': 'the store lost what is above it',
  undecodable: 'unreadable',
  expired: 'expired, and stale',
  evicted: 'gone before its TTL: the store was full, or has lost it',
  fenced: 'its last value was not stored: it was invalidated meanwhile',
  failed: 'computing it failed a moment ago',
  invalid: 'rejected by validate',
  'pending-invalidation': 'deleted by this process, not yet confirmed by the store',
  disabled: 'caching is switched off',
  bypassed: 'staff asked for the page without the cache',
  'store-down': 'the store does not answer',
}

const TIERS = { request: 'request memory', process: 'process memory', store: 'store' }

function describe({ operation, key, outcome, tier, reason, durationMs }) {
  return {
    operation,
    key: key || 'everything',
    outcome,
    tier: TIERS[tier] ?? tier ?? '',
    reason: REASONS[reason] ?? reason ?? '',
    milliseconds: durationMs,
  }
}
