import type { Recorder } from '../stats/recorder.js'
import type { Scopes } from '../tiers/context.js'
import type { Miss } from '../tiers/outcome.js'
import type { Call } from './call.js'
import { CallLimits } from './call-limits.js'
import { Computation } from './computation.js'
import { runFactory } from './factory.js'
import type { Flights } from './flight.js'

/** Computes a value for its caller alone, without the cache: it is switched off, or the request bypasses it. */
export async function callThrough(
  {
    flights,
    recorder,
    scopes,
  }: { readonly flights: Flights; readonly recorder: Recorder; readonly scopes: Scopes },
  { key, factory, policy, scope, open }: Call,
  missed: Miss,
): Promise<unknown> {
  Computation.inner()?.rejectCycle(flights, key.text)
  const startedAt = performance.now()
  recorder.read(key, missed, startedAt)
  open?.read(missed)
  open?.became('computed')
  const limits = new CallLimits(key, policy)
  const { signal } = limits
  const bypass = scope?.bypasses ? { cache: scopes, scope } : undefined
  const computation = new Computation(flights, [key.text], () => [], bypass)
  return limits.hold(async () => {
    let failed = true
    try {
      const { value } = await runFactory(factory, computation, { key, signal, previous: undefined })
      failed = false
      return value
    } finally {
      recorder.computed(key, startedAt, failed)
    }
  })
}
