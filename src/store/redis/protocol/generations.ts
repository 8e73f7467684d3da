import { BoundedMap } from '../../../bounded-map.js'
import { isGeneration } from '../../../entry/generation.js'
import type { CacheKey } from '../../../key/cache-key.js'
import { newId } from '../../ids.js'
import type { Names } from '../names.js'
import { ENSURE } from '../scripts/generations.js'
import type { Servers } from '../servers.js'
import { isInUse, KnownGenerations } from './known-generations.js'

/** Requirements on the generations above an entry before something is stored below them. */
export interface Need {
  /** Life that they have at least, in milliseconds. */
  readonly lifeMs: number
  /** Whether something is stored below them: a delete with children then answers that something was there. */
  readonly inUse: boolean
}

/** Maximum number of parents whose names are kept. */
const MAX_PARENTS = 10_000

/** Path of the parent; empty for a key of one segment. */
function parentOf({ ancestors }: CacheKey): string {
  return ancestors.at(-1) ?? ''
}

/** Reads the generations above entries, and makes those that are absent. */
export class Generations {
  readonly #servers: Servers
  readonly #names: Names
  readonly #known = new KnownGenerations()
  /** Names of the generations above the children of a parent. */
  readonly #namesOfParents = new BoundedMap<string, readonly string[]>(MAX_PARENTS)
  /** Generations that are being made or prolonged, by name: callers with the same need share the call. */
  readonly #ensuring = new Map<string, { readonly need: Need; readonly generation: Promise<Buffer> }>()

  constructor(servers: Servers, names: Names) {
    this.#servers = servers
    this.#names = names
  }

  /**
   * All of them as this process has read them last, joined by `joinGenerations`; `undefined` unless it knows all, and that
   * they are in use.
   */
  knownAbove(key: CacheKey): Buffer | undefined {
    return this.#known.above(parentOf(key), this.#namesAbove(key))?.joined
  }

  /** Those that this process has read last; `undefined` for each that it does not know, or not to be in use. */
  known(key: CacheKey): (Buffer | undefined)[] {
    return this.#namesAbove(key).map((name) => {
      const known = this.#known.get(name)
      return known && isInUse(known) ? known : undefined
    })
  }

  /** Reads all of them, at any moments after this call. Callers of one tick share the result: it must not be changed. */
  read(key: CacheKey): Promise<readonly (Buffer | null)[]> {
    const names = this.#namesAbove(key)
    return this.#servers.readShared(
      `{above}${parentOf(key)}`,
      () => names,
      ({ values }) => {
        for (const [index, name] of names.entries()) this.#known.learn(name, values[index] ?? null)
        return values
      },
    )
  }

  /** Records what a read has found. */
  learn(key: CacheKey, generations: readonly (Buffer | null)[]): void {
    const names = this.#namesAbove(key)
    for (const [index, name] of names.entries()) this.#known.learn(name, generations[index] ?? null)
  }

  /** Drops what is known of one that this process replaces. */
  forget(name: string): void {
    this.#known.learn(name, null)
  }

  /** Returns all of them, after making those that are absent among `found`. */
  async completed(
    key: CacheKey,
    found: readonly (Buffer | null | undefined)[],
    need: Need,
  ): Promise<Buffer[]> {
    const names = this.#namesAbove(key)
    return await Promise.all(
      names.map((name, index) => {
        const generation = found[index] ?? null
        return isGeneration(generation) ? generation : this.#ensure(name, need)
      }),
    )
  }

  /** Prolongs those that are not known to meet the need; `undefined` if all are. */
  ensure(key: CacheKey, need: Need): Promise<unknown> | undefined {
    let missing: Promise<Buffer>[] | undefined
    for (const name of this.#namesAbove(key)) {
      if (this.#meets(name, need)) continue
      missing ??= []
      missing.push(this.#ensure(name, need))
    }
    return missing && Promise.all(missing)
  }

  /** Whether this process knows that all of them are in use. */
  areKnownInUse(key: CacheKey): boolean {
    return this.knownAbove(key) !== undefined
  }

  #namesAbove(key: CacheKey): readonly string[] {
    const parent = parentOf(key)
    const known = this.#namesOfParents.get(parent)
    if (known) return known
    const names = this.#names.generationsAbove(key)
    this.#namesOfParents.set(parent, names)
    return names
  }

  #meets(name: string, { lifeMs, inUse }: Need): boolean {
    const known = this.#known.get(name)
    if (!known || (inUse && !isInUse(known))) return false
    return this.#known.livesUntil(name, this.#servers.clockOf(name).at(performance.now()) + lifeMs)
  }

  #ensure(name: string, need: Need): Promise<Buffer> {
    const ensuring = this.#ensuring.get(name)
    if (ensuring && ensuring.need.lifeMs >= need.lifeMs && (ensuring.need.inUse || !need.inUse)) {
      return ensuring.generation
    }
    const generation = this.#run(name, need).finally(() => {
      if (this.#ensuring.get(name)?.generation === generation) this.#ensuring.delete(name)
    })
    this.#ensuring.set(name, { need, generation })
    return generation
  }

  async #run(name: string, { lifeMs, inUse }: Need): Promise<Buffer> {
    const { now, rest } = await this.#servers.run(
      ENSURE,
      [name],
      [newId(), Math.ceil(lifeMs), inUse ? '1' : '0'],
    )
    const [generation, life] = rest as [Buffer, number]
    this.#known.learnLife(name, generation, now + life)
    return generation
  }
}
