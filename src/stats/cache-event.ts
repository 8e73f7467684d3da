import { CacheKey } from '../key/cache-key.js'
import type { ClearOutcome, DeleteOutcome, ExpireOutcome } from '../tiers/outcome.js'
import { isDate, isText, isUntrustedObject, parseJson } from './untrusted.js'

const TYPES = ['delete', 'expire', 'clear', 'store-failure'] as const

/** The result of an event: that of an invalidation, or `failed`. */
export type EventOutcome = DeleteOutcome | ExpireOutcome | ClearOutcome

/** An invalidation, or operations that the store did not confirm. */
export interface CacheEvent {
  readonly type: (typeof TYPES)[number]
  /** Milliseconds since the epoch, on the clock of its process. */
  readonly at: number
  /** Text of the key; empty for `clear`. For a store failure the first key concerned; empty if it concerned none. */
  readonly key: string
  /** Whether a delete or a soft expiry included everything below the key. */
  readonly children?: boolean | undefined
  /** Result of the operation; a store failure has always `failed`. */
  readonly outcome: EventOutcome
  /** `host:pid` */
  readonly process: string
  /** Route of the request that invalidated, `POST /products/123`; its first 200 characters. */
  readonly route?: string | undefined
  /** User whose request invalidated; the first 200 characters. */
  readonly user?: string | undefined
  /** Operation that failed, `get`. Store failures only. */
  readonly operation?: string | undefined
  /** Message of the first error. Store failures only. */
  readonly message?: string | undefined
  /**
   * Number of failures of that operation from `at` to `until`: those between two reports are one event. Store failures
   * only.
   */
  readonly count?: number | undefined
  /** Time of the last failure, in milliseconds since the epoch. Store failures only. */
  readonly until?: number | undefined
  /**
   * Number of invalidations by the same process just before this one that were not recorded: a report holds the last
   * 200.
   */
  readonly leftOut?: number | undefined
}

/**
 * Reads events from JSON, newest first by the clocks of their processes. Invalid items and unknown fields are left out:
 * anyone with access to the store can write them.
 */
export function eventsOf(items: readonly string[]): CacheEvent[] {
  return items
    .map(parseEvent)
    .filter((event) => event !== undefined)
    .sort((one, other) => other.at - one.at)
}

const KNOWN_TYPES: ReadonlySet<unknown> = new Set(TYPES)
const KNOWN_OUTCOMES: ReadonlySet<unknown> = new Set(
  Object.keys({ deleted: true, expired: true, absent: true, failed: true } satisfies Record<
    EventOutcome,
    true
  >),
)

const TEXTS = ['route', 'user', 'operation', 'message'] as const
const NUMBERS = ['count', 'until', 'leftOut'] as const
const MAX_TEXT = 1_000

function parseEvent(item: string): CacheEvent | undefined {
  const given = parseJson(item)
  if (!isUntrustedObject(given)) return undefined
  const { type, at, key, children, outcome, process } = given
  const texts = TEXTS.filter((name) => isText(given[name], MAX_TEXT)).map((name) => [name, given[name]])
  const numbers = NUMBERS.filter((name) => isDate(given[name])).map((name) => [name, given[name]])
  if (!KNOWN_TYPES.has(type) || !KNOWN_OUTCOMES.has(outcome) || !isDate(at) || !isText(process, MAX_TEXT))
    return undefined
  if (!isKey(key) && (key !== '' || type === 'delete' || type === 'expire')) return undefined
  return {
    ...{ type: type as CacheEvent['type'], at, key, outcome: outcome as EventOutcome, process },
    ...(typeof children === 'boolean' && { children }),
    ...Object.fromEntries([...texts, ...numbers]),
  }
}

function isKey(text: unknown): text is string {
  try {
    return typeof text === 'string' && CacheKey.from(text).text === text
  } catch {
    return false
  }
}
