import { AsyncLocalStorage } from 'node:async_hooks'
// Node's own, also while a test has faked the global one: it marks the end of this tick, not a time.
import { setImmediate } from 'node:timers'
import { serializeValue } from '../codec/codec.js'
import { type Copies, copiesOf, primitiveCopies } from '../codec/copies.js'
import { ConfigurationError } from '../errors.js'
import { CacheKey, type KeyInput } from '../key/cache-key.js'
import type { Call } from './call.js'
import { Computation } from './computation.js'
import type { Factory, FactoryContext } from './factory.js'
import type { Flight } from './flight.js'

/** A function that computes the values of many keys at once, in the order of the keys. */
export type ManyFactory<K, T> = (
  missing: readonly K[],
  contexts: readonly FactoryContext<T>[],
) => readonly T[] | PromiseLike<readonly T[]>

/** Obtains the values of many keys, in their order, each once. `compute` obtains one, with the factory that it is given. */
export async function computeMany<K extends KeyInput>(
  keys: Iterable<K>,
  factory: ManyFactory<K, unknown>,
  compute: (call: Pick<Call, 'key' | 'factory' | 'onWait'>) => Promise<unknown>,
): Promise<unknown[]> {
  const requested = Array.from(keys, (given) => ({ given, key: CacheKey.from(given) }))
  const unique = new Map(requested.map((one) => [one.key.text, one]))
  const missing = ({ text }: CacheKey) => unique.get(text)?.given as K
  const batch = new Batch(
    [...unique.values()].map(({ key }) => key),
    (pending, contexts) => factory(pending.map(missing), contexts),
  )
  const computing = Array.from(unique.values(), async ({ key }) => {
    const onWait = () => batch.decided(key)
    return [key.text, await compute({ key, factory: batch.factoryOf(key), onWait }).finally(onWait)] as const
  })
  // All are awaited before the first error is thrown.
  await Promise.allSettled(computing)
  const values = new Map(await Promise.all(computing))
  const copies = new Map<string, Copies>()
  return requested.map((one) => {
    const { text } = one.key
    const value = values.get(text)
    return unique.get(text) === one ? value : copied(text, value, copies)
  })
}

/** A copy for a key that is requested a second time; the same value where it cannot be copied. */
function copied(text: string, value: unknown, made: Map<string, Copies>): unknown {
  let copies = made.get(text)
  if (!copies) {
    try {
      copies = copiesOf(serializeValue(value))
    } catch {
      copies = primitiveCopies(value)
    }
    made.set(text, copies)
  }
  return copies.next()
}

/** A key that is to be computed with the next run of the factory. */
interface PendingKey {
  readonly key: CacheKey
  readonly context: FactoryContext
  readonly computation: Computation
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * Turns a factory of many values into one factory for each key. It runs once, for all keys whose leases this process has
 * got. It never waits for a key that another process computes: two processes that each hold one of two leases would wait
 * for each other for ever.
 */
class Batch {
  readonly #factory: ManyFactory<CacheKey, unknown>
  readonly #order: readonly string[]
  /** Keys that may still have to be computed here. */
  readonly #undecided: Set<string>
  /** The caller's async context, whichever key is decided last. */
  readonly #inContext = AsyncLocalStorage.snapshot()
  #pending: PendingKey[] = []
  #scheduled = false

  constructor(keys: readonly CacheKey[], factory: ManyFactory<CacheKey, unknown>) {
    this.#factory = factory
    this.#order = keys.map(({ text }) => text)
    this.#undecided = new Set(this.#order)
  }

  /** The factory of one key. */
  factoryOf(key: CacheKey): Factory<unknown> {
    return (context) =>
      new Promise((resolve, reject) => {
        const computation = Computation.inner() as Computation
        this.#pending.push({ key, context, computation, resolve, reject })
        this.decided(key)
      })
  }

  /** Marks a key as decided: it is to be computed here, was found, or is computed elsewhere. */
  decided({ text }: CacheKey): void {
    this.#undecided.delete(text)
    if (this.#undecided.size > 0 || this.#pending.length === 0 || this.#scheduled) return
    this.#scheduled = true
    // Together with the keys that are decided in the same tick.
    setImmediate(() => {
      this.#scheduled = false
      void this.#inContext(() => this.#run())
    })
  }

  async #run(): Promise<void> {
    const pending = inOrder(this.#pending, this.#order)
    this.#pending = []
    const keys = pending.map(({ key }) => key)
    const [{ computation }] = pending as [PendingKey, ...PendingKey[]]
    const all = new Computation(
      computation.owner,
      keys.map(({ text }) => text),
      flightsOf(pending.map((one) => one.computation)),
      computation.bypass,
    )
    try {
      const values = await all.run(() =>
        this.#factory(
          keys,
          pending.map(({ context }) => context),
        ),
      )
      if (!Array.isArray(values) || values.length !== pending.length) {
        const got = Array.isArray(values) ? `${values.length} of them` : typeof values
        throw new ConfigurationError(
          `A factory of many must return an array with one value for each of the ${pending.length} missing keys, in their order, not ${got}.`,
        )
      }
      for (const [index, { resolve }] of pending.entries()) resolve(values[index])
    } catch (error) {
      for (const { reject } of pending) reject(error)
    } finally {
      all.end()
    }
  }
}

/** Pending keys in the order of the caller. */
function inOrder(pending: readonly PendingKey[], order: readonly string[]): PendingKey[] {
  if (pending.length === 1) return [...pending]
  const places = new Map(order.map((text, place) => [text, place]))
  const placeOf = ({ key }: PendingKey) => places.get(key.text) as number
  return [...pending].sort((one, other) => placeOf(one) - placeOf(other))
}

/** A function of its own: work that the factory leaves behind keeps this in memory, and must not keep the values. */
function flightsOf(parts: readonly Computation[]): () => readonly Flight[] {
  return () => parts.flatMap(({ flights }) => flights)
}
