import { AsyncLocalStorage } from 'node:async_hooks'
import cluster from 'node:cluster'
import { subscribe } from 'node:diagnostics_channel'
import { CHANNELS } from 'keyedcache'

/** What the running request has asked of the cache. */
const calls = new AsyncLocalStorage()

// keyedcache publishes in the async context of whoever called it, so each message finds its own request.
subscribe(CHANNELS.operation, (message) => calls.getStore()?.push(message))

/** Gives every page what its footer shows: its cache calls, its time, and which worker made it. */
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

/** The calls of this request so far, for a page that is shown after a redirect. */
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
  failed: 'computing it failed a moment ago',
  invalid: 'not of the shape that is wanted',
  'pending-invalidation': 'deleted here, and the store does not know yet',
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
