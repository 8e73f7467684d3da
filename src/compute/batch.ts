import { AsyncLocalStorage } from 'node:async_hooks'
// The machine's own, also while a test has faked the global one: it is the end of this tick, and no time.
import { setImmediate } from 'node:timers'
import { serializeValue } from '../codec/codec.js'
import { type Copies, copiesOf, primitiveCopies } from '../codec/copies.js'
import { ConfigurationError } from '../errors.js'
import { CacheKey, type KeyInput } from '../key/cache-key.js'
import { Computation } from './computation.js'
import type { Call } from './computing.js'
import type { Factory, FactoryContext } from './factory.js'
import type { Flight } from './flight.js'

/** Computes the values of many keys at once, in the order of the keys. */
export type ManyFactory<K, T> = (
  missing: readonly K[],
  contexts: readonly FactoryContext<T>[],
) => readonly T[] | PromiseLike<readonly T[]>

/**
 * The values of many keys, in their order, however often a key stands among
 * them; `compute` is what comes to the value of one.
 */
export async function computeMany<K extends KeyInput>(
  keys: Iterable<K>,
  factory: ManyFactory<K, unknown>,
  compute: (call: Pick<Call, 'key' | 'factory' | 'onWait'>) => Promise<unknown>,
): Promise<unknown[]> {
  const asked = Array.from(keys, (given) => ({ given, key: CacheKey.from(given) }))
  const unique = new Map(asked.map((one) => [one.key.text, one]))
  const missing = ({ text }: CacheKey) => unique.get(text)?.given as K
  const batch = new Batch(
    [...unique.values()].map(({ key }) => key),
    (wanted, contexts) => factory(wanted.map(missing), contexts),
  )
  const computing = Array.from(unique.values(), async ({ key }) => {
    const onWait = () => batch.decided(key)
    return [key.text, await compute({ key, factory: batch.factoryOf(key), onWait }).finally(onWait)] as const
  })
  // All are tried before the first error is thrown.
  await Promise.allSettled(computing)
  const values = new Map(await Promise.all(computing))
  const copies = new Map<string, Copies>()
  return asked.map((one) => {
    const { text } = one.key
    const value = values.get(text)
    return unique.get(text) === one ? value : copied(text, value, copies)
  })
}

/** A value of its own for a key that stands among others a second time; the same one where it cannot be copied. */
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

/** A key whose value is to be computed with the others. */
interface Wanted {
  readonly key: CacheKey
  readonly context: FactoryContext
  readonly computation: Computation
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * Turns a factory of many values into one factory a key. It runs once for all
 * keys whose computation falls to this process. It never waits for a key that
 * is computed elsewhere: two processes that each held one of two leases and
 * waited for the other's would wait for ever.
 */
class Batch {
  readonly #factory: ManyFactory<CacheKey, unknown>
  /** Keys of which it is not known yet whether they are to be computed here. */
  readonly #undecided: Set<string>
  /** As the caller's, whichever key it is that is decided last. */
  readonly #inContext = AsyncLocalStorage.snapshot()
  #wanted: Wanted[] = []
  #scheduled = false

  constructor(keys: readonly CacheKey[], factory: ManyFactory<CacheKey, unknown>) {
    this.#factory = factory
    this.#undecided = new Set(keys.map(({ text }) => text))
  }

  /** The factory of one key. */
  factoryOf(key: CacheKey): Factory<unknown> {
    return (context) =>
      new Promise((resolve, reject) => {
        const computation = Computation.inner() as Computation
        this.#wanted.push({ key, context, computation, resolve, reject })
        this.decided(key)
      })
  }

  /** It is known of a key whether it is to be computed here: it is, it was found, or somebody else is at it. */
  decided({ text }: CacheKey): void {
    this.#undecided.delete(text)
    if (this.#undecided.size > 0 || this.#wanted.length === 0 || this.#scheduled) return
    this.#scheduled = true
    // Those that are decided in the same tick come along.
    setImmediate(() => {
      this.#scheduled = false
      void this.#inContext(() => this.#run())
    })
  }

  async #run(): Promise<void> {
    const wanted = this.#wanted
    this.#wanted = []
    const keys = wanted.map(({ key }) => key)
    const [{ computation }] = wanted as [Wanted, ...Wanted[]]
    const all = new Computation(
      computation.owner,
      keys.map(({ text }) => text),
      flightsOf(wanted.map((one) => one.computation)),
      computation.bypass,
    )
    try {
      const values = await all.run(() =>
        this.#factory(
          keys,
          wanted.map(({ context }) => context),
        ),
      )
      if (!Array.isArray(values) || values.length !== wanted.length) {
        const got = Array.isArray(values) ? `${values.length} of them` : typeof values
        throw new ConfigurationError(
          `A factory of many must return an array of one value for each of the ${wanted.length} missing keys, in their order, not ${got}.`,
        )
      }
      for (const [index, { resolve }] of wanted.entries()) resolve(values[index])
    } catch (error) {
      for (const { reject } of wanted) reject(error)
    } finally {
      all.end()
    }
  }
}

/** Not made where the batch runs: what its factory leaves behind keeps this, and must not keep what it computes. */
function flightsOf(parts: readonly Computation[]): () => readonly Flight[] {
  return () => parts.flatMap(({ flights }) => flights)
}
