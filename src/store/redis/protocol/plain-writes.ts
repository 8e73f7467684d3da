import { ignore } from '../../../background.js'
import { lifetimeOf } from '../../../entry/body.js'
import { joinGenerations } from '../../../entry/generation.js'
import type { CacheKey } from '../../../key/cache-key.js'
import { newId } from '../../ids.js'
import type { NewEntry, WriteResult } from '../../store.js'
import { CONDITION } from '../scripts/entries.js'
import { DONE } from '../scripts/script.js'
import { isOvertaken } from '../write-order.js'
import type { Generations } from './generations.js'
import { isInUse } from './known-generations.js'
import type { OpenChange, OwnOrder } from './own-order.js'
import type { Values } from './values.js'

const UNWRITTEN: WriteResult = { written: false }

/**
 * Plain writes. A value is written under the generations that this process knows, which are read in parallel: where they are
 * others by now, the value is dead on arrival, and is written again under those that were read.
 *
 * The second write does not replace what came after the first: a delete, a soft expiry, another plain write.
 */
export class PlainWrites {
  readonly #values: Values
  readonly #generations: Generations
  readonly #order: OwnOrder

  constructor(values: Values, generations: Generations, order: OwnOrder) {
    this.#values = values
    this.#generations = generations
    this.#order = order
  }

  /**
   * @throws CacheNotRespondingError where the value may or may not be stored
   */
  write(key: CacheKey, entry: NewEntry): Promise<WriteResult> {
    const open = this.#order.begin(key)
    const result = this.#write(open, entry).finally(() => this.#order.end(open))
    this.#order.cover(key, false, result, open)
    return result
  }

  async #write(open: OpenChange, entry: NewEntry): Promise<WriteResult> {
    const { key } = open
    const need = { lifeMs: lifetimeOf(entry), inUse: true }
    let joined = this.#generations.knownAbove(key)
    if (joined === undefined) {
      const completing = this.#generations.completed(key, this.#generations.known(key), need)
      // A read that is called meanwhile waits, or it would overtake this write.
      this.#order.prepare(open, completing.catch(ignore))
      joined = joinGenerations(await completing) as Buffer
      const cover = this.#order.coverOf(open)
      if (cover !== undefined) {
        // Its caller may act on the answer: what covers it must be in force then.
        await cover.catch(ignore)
        return UNWRITTEN
      }
    }
    const first = { key, entry, id: newId(), joined }
    const writing = this.#values.write(first, CONDITION.none)
    const verifying = this.#generations.read(key)
    verifying.catch(ignore)
    const prolonging = this.#generations.ensure(key, need)
    prolonging?.catch(ignore)
    try {
      await writing
    } catch (error) {
      const cover = isOvertaken(error) ? this.#order.coverOf(open) : undefined
      if (cover === undefined) throw error
      await cover.catch(ignore)
      return UNWRITTEN
    }
    let generations: readonly Buffer[]
    try {
      const current = await verifying
      if (prolonging !== undefined) await prolonging
      // What was read is known by now: the same buffer means the same generations.
      const isSame = this.#generations.knownAbove(key) === joined || joinGenerations(current)?.equals(joined)
      if (isSame || this.#order.isOver(open)) return { written: true, id: first.id }
      const used = current.map((generation) => (generation && isInUse(generation) ? generation : null))
      generations = await this.#generations.completed(key, used, need)
    } catch {
      // Whether it can be read is not known. There is nothing to undo.
      return UNWRITTEN
    }
    if (this.#order.isOver(open)) return { written: true, id: first.id }
    const second = { key, entry, id: newId(), joined: joinGenerations(generations) as Buffer }
    const { status } = await this.#values.write(second, CONDITION.notNewer, first.id)
    return { written: true, id: status === DONE ? second.id : first.id }
  }
}
