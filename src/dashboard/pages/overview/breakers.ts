import type { BreakerStatus } from '../../../store/health.js'
import { countOf, type Moment, past } from '../../rendering/figures.js'

/** A circuit breaker that is open, or was open before. */
interface ShownBreaker {
  readonly server: string
  readonly isOpen: boolean
  readonly since: Moment
  readonly openings: string
}

/** The circuit breakers of this process that have opened since its start. */
export function breakersOf(breakers: readonly BreakerStatus[], now: number): ShownBreaker[] {
  return breakers.flatMap(({ server, state, since, openings }) => {
    if (since === undefined) return []
    return [
      { server, isOpen: state === 'open', since: past(since, now), openings: countOf(openings, 'time') },
    ]
  })
}
