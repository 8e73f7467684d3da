import type { OpenCall } from '../stats/open-call.js'
import type { ReadOutcome } from '../tiers/outcome.js'
import type { Call } from './call.js'
import type { FlightWork } from './flight-work.js'
import type { Obtained } from './obtained.js'

// What the request log records of a call while it is under way.

/** The functions of a call that also record whether it computed, or waited for another process. */
export function recordedWork(
  { factory, onWait }: Call,
  open: OpenCall,
): Pick<FlightWork, 'factory' | 'onWait'> {
  return {
    factory: (context) => {
      open.became('computed')
      return factory(context)
    },
    onWait: () => {
      open.became('waited')
      onWait?.()
    },
  }
}

/** Records a call that shared the read of others: what was not found has been computed by one of them. */
export function recordShared(open: OpenCall, outcome: ReadOutcome | undefined, obtained?: Obtained): void {
  if (outcome) open.read(outcome)
  if (obtained?.isStale) open.became('stale')
  else if (obtained && !outcome?.hit) open.became('waited')
}
