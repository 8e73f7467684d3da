// Node's own, also while a test has faked the global one: it marks the end of this tick, not a time.
import { setImmediate } from 'node:timers'
import type { CacheKey } from '../key/cache-key.js'
import type { ReadResult } from '../store/store.js'
import type { ReadOutcome } from '../tiers/outcome.js'
import type { SentRead, StoreRead } from '../tiers/store-reader.js'
import type { Call } from './call.js'
import type { Obtained } from './obtained.js'
import type { Policy } from './policy.js'

/** The callers that share a coalesced read, all but the first. */
export interface Followers {
  /** The first of them. The policies of the others are alike. */
  readonly call: Call
  /** When each began, by `performance.now()`. */
  readonly startedAt: number[]
  /** The moment at which the last of them came, by `Flights.nextMoment`. */
  since: number
  /** Their common result; resolves to `undefined` where each must read for itself. */
  shared?: Promise<Obtained | undefined>
  /** How their read counts. */
  outcome?: ReadOutcome
}

/**
 * One read of the store that callers of one key share while it has not been sent. The first decides by itself; the others
 * follow: one decision for all of them, and a copy of the value each. So a thousand callers cost little more than two.
 */
export class CoalescedRead {
  readonly reading: Promise<ReadResult>
  readonly result: Promise<StoreRead>
  readonly #wasPending: boolean
  #followers: Followers | undefined

  /** `result` is how its first caller judges it. */
  constructor({ reading, wasPending }: Pick<SentRead, 'reading' | 'wasPending'>, result: Promise<StoreRead>) {
    this.reading = reading
    this.result = result
    this.#wasPending = wasPending
  }

  /**
   * Whether a caller with this policy may follow. An invalidation may have failed since the first caller came: what that
   * one still accepts may count as missing for later ones.
   */
  takes(policy: Policy, wasPending: boolean): boolean {
    if (wasPending && !this.#wasPending) return false
    return this.#followers ? policy.isAlike(this.#followers.call.policy) : policy.isPlain
  }

  join(call: Call, startedAt: number, since: number): Followers {
    this.#followers ??= { call, startedAt: [], since }
    this.#followers.startedAt.push(startedAt)
    this.#followers.since = since
    return this.#followers
  }
}

/** The coalesced reads of this tick, by key. */
export class CoalescedReads {
  // A new map for each tick: in one that stays, adding and deleting each key costs more than the reads themselves.
  #byKey: Map<string, CoalescedRead> | undefined

  /** The coalesced read with this reading. The store returns one promise to all readers of a key that share a command. */
  of({ text }: CacheKey, reading: Promise<ReadResult>): CoalescedRead | undefined {
    const coalesced = this.#byKey?.get(text)
    return coalesced?.reading === reading ? coalesced : undefined
  }

  add({ text }: CacheKey, coalesced: CoalescedRead): void {
    if (!this.#byKey) {
      this.#byKey = new Map()
      setImmediate(() => {
        this.#byKey = undefined
      })
    }
    this.#byKey.set(text, coalesced)
  }
}
