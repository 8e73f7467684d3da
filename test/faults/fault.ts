import type { Redis } from 'ioredis'
import type { CacheOptions } from '../../src/options.js'
import type { Proxy as FaultyProxy } from '../helpers/proxy.js'
import { type Need, NOT_RESPONDING, type Operation, type Outcome } from './operation.js'
import type { FaultTarget } from './target.js'

/** Something that goes wrong with Redis, or on the way to it. */
export interface Fault {
  readonly name: string
  /** Cause and effect in a phrase, for readers. */
  readonly meaning: string
  /** Part of the message with which `check()` rejects; `undefined` where it resolves, or may resolve. */
  readonly message?: string
  /**
   * What the store does not provide meanwhile. Operations that need none of it are served. With `something` each operation
   * may be served or fail.
   */
  readonly withholds: readonly Need[] | 'something'
  /** Outcomes, by operation, that are neither. */
  readonly outcomes?: Readonly<Record<string, Outcome>>
  /** Deadline of the caches: short where nothing is answered, or else long enough for a machine that is busy. */
  readonly storeTimeoutMs: number
  /** The option `redis` of the caches. */
  readonly redis?: (target: FaultTarget) => CacheOptions['redis']
  /** Whether the proxies must read commands for it. */
  readonly readsCommands?: true
  /** Number of reads, and of writes, that each cache has under way when its operation is called. @default 0 */
  readonly load?: number
  /** Time after the end until the cache serves again, if it is not {@link BACK_WITHIN_MS}. */
  readonly backWithinMs?: number
  begin(target: FaultTarget): Promise<unknown>
  end(target: FaultTarget): Promise<unknown>
}

/** Time after a fault until the cache serves again. */
export const BACK_WITHIN_MS = 2_000

/** Outcomes of an operation that are right during a fault, of a cache with or without `throwOnStoreError`. */
export function expectedOutcomes(
  operation: Operation,
  { withholds, outcomes = {} }: Fault,
  throwing: boolean,
): readonly Outcome[] {
  const { name, needs, served, isPage = false } = operation
  const thrown = (withholds.includes('read' as never) ? undefined : operation.readOnly) ?? NOT_RESPONDING
  const failed = throwing && !isPage ? thrown : operation.failed
  const other = outcomes[name]
  if (operation.varies) return [served, failed]
  if (withholds === 'something') return [served, failed, ...(other ? [other] : [])]
  if (other) return [other]
  return needs.some((need) => withholds.includes(need)) ? [failed] : [served]
}

const EVERYTHING: readonly Need[] = [
  ...(['read', 'fill', 'write', 'invalidate', 'peek', 'list', 'usage', 'check'] as const),
  ...(['report', 'history', 'secret'] as const),
]
/** A server answers `INFO` also while it answers nothing else. */
export const ALL_BUT_USAGE = EVERYTHING.filter((need) => need !== 'usage')
/** What needs a command that changes something. */
export const CHANGES: readonly Need[] = ['fill', 'write', 'invalidate', 'check', 'report', 'secret']

export const SHORT_MS = 250
const LONG_MS = 1_000

export const UNANSWERED = { withholds: EVERYTHING, storeTimeoutMs: SHORT_MS, message: 'no answer in time' }
export const REFUSED = { withholds: EVERYTHING, storeTimeoutMs: LONG_MS }
export const SERVED = { withholds: [], storeTimeoutMs: LONG_MS }

export const onProxies =
  (run: (proxy: FaultyProxy) => unknown) =>
  ({ proxies }: FaultTarget) =>
    Promise.all(proxies.map(run))

export const onServers =
  (run: (admin: Redis) => unknown) =>
  ({ admins }: FaultTarget) =>
    Promise.all(admins.map(run))

export const restored = onProxies((proxy) => proxy.restore())

export function onBoth(run: (admin: Redis) => unknown, then: (proxy: FaultyProxy) => unknown) {
  return async (target: FaultTarget) => {
    await onServers(run)(target)
    await onProxies(then)(target)
  }
}
