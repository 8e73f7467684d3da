// The machine's own, also while a test has faked the global one: it is the end of this tick, and no time.
import { setImmediate } from 'node:timers'
import type { CacheKey } from '../key/cache-key.js'
import type { Reading } from '../store/store.js'
import type { EntryState } from '../tiers/entry-state.js'
import type { ReadOutcome } from '../tiers/outcome.js'
import type { Policy } from './policy.js'

/** What a read of the store came to; nothing while the store is in trouble. */
export interface StoreRead {
  readonly reading: Reading | undefined
  readonly standing: EntryState | undefined
}

/** Those who follow in a crowd, and ask for the same as the first of them. */
export interface Followers<Call, Value> {
  readonly call: Call
  /** When each came, by `performance.now()`. */
  readonly arrivals: number[]
  /** When the last of them came, by the ticks of all flights. */
  since: number
  /** What they come to, once for all. */
  together?: Promise<Value>
  /** How their read counts. */
  outcome?: ReadOutcome
}

/**
 * Callers of one key who came while its read was still to be sent: one who
 * looks, and those who follow. A thousand of them cost little more than two:
 * who follows takes a copy of what they all come to together.
 */
export class CoalescedRead<Call extends { readonly policy: Policy }, Value> {
  readonly reading: Promise<Reading>
  readonly look: Promise<StoreRead>
  #followers: Followers<Call, Value> | undefined

  constructor(reading: Promise<Reading>, look: Promise<StoreRead>) {
    this.reading = reading
    this.look = look
  }

  /** Whether a caller with this policy may follow. */
  takes(policy: Policy): boolean {
    return this.#followers ? policy.isAlike(this.#followers.call.policy) : policy.isPlain
  }

  /** One more. */
  join(call: Call, began: number, since: number): Followers<Call, Value> {
    this.#followers ??= { call, arrivals: [], since }
    this.#followers.arrivals.push(began)
    this.#followers.since = since
    return this.#followers
  }
}

/** The crowds of this tick, by key. */
export class CoalescedReads<Call extends { readonly policy: Policy }, Value> {
  // Not one map for ever, with each key put in and taken out: the garbage of that is dearer than the reads.
  #byKey: Map<string, CoalescedRead<Call, Value>> | undefined

  /** The crowd that shares this reading. */
  around({ text }: CacheKey, reading: Promise<Reading>): CoalescedRead<Call, Value> | undefined {
    const crowd = this.#byKey?.get(text)
    return crowd?.reading === reading ? crowd : undefined
  }

  add({ text }: CacheKey, crowd: CoalescedRead<Call, Value>): void {
    if (!this.#byKey) {
      this.#byKey = new Map()
      setImmediate(() => {
        this.#byKey = undefined
      })
    }
    this.#byKey.set(text, crowd)
  }
}
