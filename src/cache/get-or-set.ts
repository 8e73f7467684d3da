import type { Call } from '../compute/computing.js'
import { ConfigurationError } from '../errors.js'
import { OpenCall } from '../stats/open-call.js'
import type { Core } from './core.js'
import { without } from './without.js'

/** What comes to the value of one key: it is read, or computed. */
export function getOrSet(core: Core, call: Call): Promise<unknown> {
  const log = call.scope?.log
  return log ? logged(core, call, new OpenCall(log, call.key.text)) : obtain(core, call)
}

function obtain(core: Core, call: Call): Promise<unknown> {
  const missed = without(core, call.scope)
  return missed ? core.computing.callThrough(call, missed) : core.computing.getOrSet(call)
}

/** The same in a request that is taken down. */
function logged(core: Core, call: Call, open: OpenCall): Promise<unknown> {
  const result = obtain(core, { ...call, open })
  result.then(
    () => open.end(false),
    () => open.end(true),
  )
  return result
}

export function refuseNoFactory(factory: unknown): void {
  if (typeof factory === 'function') return
  throw new ConfigurationError(
    `A function that computes the value is wanted after the key, not ${typeof factory}.`,
  )
}
