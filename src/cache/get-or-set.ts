import type { Call } from '../compute/call.js'
import { callThrough } from '../compute/call-through.js'
import { ConfigurationError } from '../errors.js'
import { describeValue } from '../key/describe-value.js'
import { OpenCall } from '../stats/open-call.js'
import { missWithoutCache } from './caching-off.js'
import type { Core } from './core.js'

/** Reads or computes the value of one key, and logs the call where its request is logged. */
export function getOrSet(core: Core, call: Call): Promise<unknown> {
  const log = call.scope?.log
  return log ? logged(core, call, new OpenCall(log, call.key.text)) : obtain(core, call)
}

function obtain(core: Core, call: Call): Promise<unknown> {
  const missed = missWithoutCache(core, call.scope)
  return missed ? callThrough(core, call, missed) : core.computing.getOrSet(call)
}

function logged(core: Core, call: Call, open: OpenCall): Promise<unknown> {
  const result = obtain(core, { ...call, open })
  result.then(
    () => open.end(false),
    () => open.end(true),
  )
  return result
}

/** @throws ConfigurationError for arguments after the key that are not a factory and its options */
export function checkFactory(factory: unknown, options: unknown): void {
  if (typeof factory === 'function') return
  throw new ConfigurationError(
    typeof options === 'function'
      ? 'The factory comes second, the options third: write (key, () => …, { ttl }).'
      : `The argument after the key must be a function that computes the value, not ${describeValue(factory)}: pass () => ….`,
  )
}
