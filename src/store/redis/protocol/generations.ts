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

/** Reads the generations above entries, and makes those that are absent. */
export class Generations {
  readonly #servers: Servers
  readonly #names: Names
  readonly #known = new KnownGenerations()
  /** Generations that are being made or prolonged, by name: callers with the same need share the call. */
  readonly #ensuring = new Map<string, { readonly need: Need; readonly generation: Promise<Buffer> }>()

  constructor(servers: Servers, names: Names) {
    this.#servers = servers
    this.#names = names
  }

  /** Those that this process has read last; `undefined` for each that it does not know, or that does not meet the need. */
  known(key: CacheKey): (Buffer | undefined)[] {
    return this.#names.generationsAbove(key).map((name) => {
      const known = this.#known.get(name)
      return known && isInUse(known) ? known : undefined
    })
  }

  /** Reads all of them, at any moments after this call. */
  read(key: CacheKey): Promise<(Buffer | null)[]> {
    const names = this.#names.generationsAbove(key)
    return this.#servers.read(names, ({ values }) => {
      for (const [index, name] of names.entries()) this.#known.learn(name, values[index] ?? null)
      return values
    })
  }

  /** Records what a read has found. */
  learn(key: CacheKey, generations: readonly (Buffer | null)[]): void {
    const names = this.#names.generationsAbove(key)
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
    const names = this.#names.generationsAbove(key)
    return await Promise.all(
      names.map((name, index) => {
        const generation = found[index] ?? null
        return isGeneration(generation) ? generation : this.#ensure(name, need)
      }),
    )
  }

  /** Prolongs those that are not known to meet the need. */
  async ensure(key: CacheKey, need: Need): Promise<void> {
    const missing = this.#names.generationsAbove(key).filter((name) => !this.#meets(name, need))
    if (missing.length > 0) await Promise.all(missing.map((name) => this.#ensure(name, need)))
  }

  /** Whether all of them are known to be in use, as far as this process knows. */
  areKnownInUse(key: CacheKey): boolean {
    return this.known(key).every((generation) => generation !== undefined)
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
