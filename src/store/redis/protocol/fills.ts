import { lifetimeOf } from '../../../entry/body.js'
import { frameId } from '../../../entry/frame.js'
import { joinGenerations } from '../../../entry/generation.js'
import type { CacheKey } from '../../../key/cache-key.js'
import { newId } from '../../ids.js'
import { checkLiveness } from '../../liveness.js'
import type { NewEntry, Observation, ReadResult, WriteResult } from '../../store.js'
import { MARKER_LIFE_MS } from '../../store.js'
import type { Names } from '../names.js'
import { CONDITION, OBSERVE } from '../scripts/entries.js'
import { DONE } from '../scripts/script.js'
import type { Servers } from '../servers.js'
import type { Generations } from './generations.js'
import { isCurrent, isFenced, isValueFrame } from './judging.js'
import type { Values } from './values.js'

const NEED = { lifeMs: MARKER_LIFE_MS, inUse: false }

/** Observations of misses, and the fills that follow them. */
export class Fills {
  readonly #servers: Servers
  readonly #names: Names
  readonly #values: Values
  readonly #generations: Generations

  constructor(servers: Servers, names: Names, values: Values, generations: Generations) {
    this.#servers = servers
    this.#names = names
    this.#values = values
    this.#generations = generations
  }

  /** Prepares a fill; `seen` is the reading that was a miss. */
  async observe(key: CacheKey, seen: ReadResult): Promise<Observation & ReadResult> {
    const value = isValueFrame(seen.frame) ? seen.frame : undefined
    const matches = value !== undefined && isCurrent(value, seen.generations)
    const isSure = seen.isOneMoment === true
    const isDead = value !== undefined && isSure && !checkLiveness(seen).live
    // A value that does not match may have been written under generations that are newer than those that were read.
    const rereading = value && !matches && !isSure ? this.#generations.read(key) : undefined
    const [observed, completed, reread] = await Promise.all([
      this.#servers.run(
        OBSERVE,
        [this.#names.entry(key.text)],
        [newId(), MARKER_LIFE_MS, isDead ? frameId(value) : ''],
      ),
      this.#generations.completed(key, seen.generations, NEED),
      rereading,
    ])
    const frame = observed.rest[0] as Buffer
    let generations: readonly Buffer[] = reread
      ? await this.#generations.completed(key, reread, NEED)
      : completed
    const isSeen = value !== undefined && frameId(value).equals(frameId(frame))
    if (!isSeen && isValueFrame(frame) && !isCurrent(frame, generations)) {
      // Only generations that are read after a value can condemn it.
      generations = await this.#generations.completed(key, await this.#generations.read(key), NEED)
    }
    this.#generations.learn(key, generations)
    // Copies: a view would keep the whole reply in memory as long as the request.
    return {
      frame,
      frameId: Buffer.from(frameId(frame)),
      generations: generations.map((generation) => Buffer.from(generation)),
      now: observed.now,
    }
  }

  /** Stores a value, if what was observed still stands. */
  async fill(key: CacheKey, entry: NewEntry, basis: Observation): Promise<WriteResult> {
    const joined = joinGenerations(basis.generations)
    if (!joined) return { written: false }
    const need = { lifeMs: lifetimeOf(entry), inUse: true }
    // Before the value can be read: a delete with children answers whether something was there.
    if (!this.#generations.areKnownInUse(key)) await this.#generations.ensure(key, need)
    const value = { key, entry, id: newId(), joined }
    const writing = this.#values.write(value, CONDITION.observed, basis.frameId)
    const verifying = Promise.all([this.#generations.read(key), this.#generations.ensure(key, need)]).then(
      ([generations]) => generations,
      () => undefined,
    )
    const { status, rest } = await writing
    const current = await verifying
    if (!current) return { written: false }
    if (status !== DONE) return refused(isFenced(rest[0] as Buffer | null, joined, current))
    const isLive = joinGenerations(current)?.equals(joined) === true
    return isLive ? { written: true, id: value.id } : refused(true)
  }
}

export function refused(isInvalidated: boolean): WriteResult {
  return isInvalidated ? { written: false, fenced: true } : { written: false }
}
