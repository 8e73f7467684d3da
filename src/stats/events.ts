import { CacheKey } from '../key/cache-key.js'
import type { DeleteOutcome, ExpireOutcome } from '../tiers/outcome.js'
import { isDate } from './amounts.js'

/** Something that people want to know of: what was invalidated by whom, and what the store did not surely carry out. */
export interface CacheEvent {
  readonly type: 'delete' | 'expire' | 'clear' | 'trouble'
  /** Milliseconds since the epoch, on the clock of its process. */
  readonly at: number
  /** The key's text; empty for `clear`. Of a trouble the first that met it; empty where it was about none. */
  readonly key: string
  /** Whether a delete, or a soft expiry, was to take everything below along. */
  readonly children?: boolean | undefined
  /** A trouble has always `failed`. */
  readonly outcome: DeleteOutcome | ExpireOutcome
  /** `host:pid` */
  readonly process: string
  /** Where the invalidation came from, `POST /products/123`, and from whom: the first 200 characters of each. */
  readonly route?: string | undefined
  readonly user?: string | undefined
  /** Of a trouble: the operation that failed, `get`. */
  readonly operation?: string | undefined
  /** Of a trouble: why, as the first of them was told. */
  readonly message?: string | undefined
  /**
   * Of a trouble: how often that operation has failed from `at` until `until`. Those of one second, or of as long
   * as nothing can be told, are one event.
   */
  readonly count?: number | undefined
  readonly until?: number | undefined
  /**
   * So many invalidations by the same process came just before this one and were not kept: of those within one
   * second, or within the time in which nothing can be told, only the last 200 are.
   */
  readonly leftOut?: number | undefined
}

/**
 * What stands in the list of events, newest first by the clocks of the processes. An item that is no event, damaged or
 * from elsewhere, is left out, and so is a field that is not known.
 */
export function eventsOf(items: readonly string[]): CacheEvent[] {
  return items
    .map(parseEvent)
    .filter((event) => event !== undefined)
    .sort((one, other) => other.at - one.at)
}

const TYPES: ReadonlySet<unknown> = new Set<CacheEvent['type']>(['delete', 'expire', 'clear', 'trouble'])
const OUTCOMES: ReadonlySet<unknown> = new Set<CacheEvent['outcome']>([
  'deleted',
  'expired',
  'absent',
  'failed',
])

/** A text or number of these fields is taken over, whoever wrote it: so it must be short. */
const TEXTS = ['route', 'user', 'operation', 'message'] as const
const NUMBERS = ['count', 'until', 'leftOut'] as const
const LONGEST = 1_000

function parseEvent(item: string): CacheEvent | undefined {
  const given = parseObject(item)
  const { type, at, key, children, outcome, process } = given
  const texts = TEXTS.filter((name) => isText(given[name])).map((name) => [name, given[name]])
  const numbers = NUMBERS.filter((name) => isDate(given[name])).map((name) => [name, given[name]])
  if (!TYPES.has(type) || !OUTCOMES.has(outcome) || !isDate(at) || !isText(process)) return undefined
  if (!isKey(key) && (key !== '' || type === 'delete' || type === 'expire')) return undefined
  return {
    ...{ type: type as CacheEvent['type'], at, key, outcome: outcome as CacheEvent['outcome'], process },
    ...(typeof children === 'boolean' && { children }),
    ...Object.fromEntries([...texts, ...numbers]),
  }
}

function parseObject(item: string): Readonly<Record<string, unknown>> {
  try {
    const given: unknown = JSON.parse(item)
    return typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LONGEST
}

function isKey(text: unknown): text is string {
  try {
    return typeof text === 'string' && CacheKey.from(text).text === text
  } catch {
    return false
  }
}
