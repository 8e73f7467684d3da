import { AsyncLocalStorage } from 'node:async_hooks'
import cluster from 'node:cluster'
import { subscribe } from 'node:diagnostics_channel'
import { CHANNELS } from 'keyedcache'

/** The cache calls of the current request. */
const calls = new AsyncLocalStorage()

// keyedcache publishes in the async context of the caller, so each message reaches its own request.
subscribe(CHANNELS.operation, (message) => calls.getStore()?.push(message))

/** Provides the footer of every page: its cache calls, its render time, and its worker. */
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

/** The cache calls of this request so far, for the page after a redirect. */
export function callsSoFar() {
  return (calls.getStore() ?? []).map(describe)
}

const REASONS = {
  absent: 'no record of it',
  deleted: 'deleted',
  'ancestor-deleted': 'deleted with a parent key',
  'generation-lost': 'generation lost by the store',
  undecodable: 'unreadable data',
  expired: 'expired',
  evicted: 'evicted or lost',
  fenced: 'last value fenced',
  failed: 'recent computation failed',
  invalid: 'rejected by validation',
  'pending-invalidation': 'invalidation pending',
  disabled: 'caching off',
  bypassed: 'cache bypassed by staff',
  'store-down': 'store not responding',
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
