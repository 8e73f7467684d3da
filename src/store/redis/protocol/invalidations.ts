import { ignore } from '../../../background.js'
import { encodeProvenance } from '../../../entry/provenance.js'
import type { CacheKey } from '../../../key/cache-key.js'
import { newId } from '../../ids.js'
import { checkLiveness } from '../../liveness.js'
import { type InvalidateOptions, type InvalidationOrigin, TOMBSTONE_LIFE_MS } from '../../store.js'
import type { Argument } from '../command.js'
import type { Names } from '../names.js'
import { CLEAR, EXPIRE, REMOVE } from '../scripts/invalidations.js'
import type { Script } from '../scripts/script.js'
import type { Servers } from '../servers.js'
import { isOvertaken } from '../write-order.js'
import type { Generations } from './generations.js'
import { isValueFrame } from './judging.js'
import type { OwnOrder } from './own-order.js'
import type { Values } from './values.js'

/** Deletes and soft expiries. */
export class Invalidations {
  readonly #servers: Servers
  readonly #names: Names
  readonly #values: Values
  readonly #generations: Generations
  readonly #order: OwnOrder

  constructor(servers: Servers, names: Names, values: Values, generations: Generations, order: OwnOrder) {
    this.#servers = servers
    this.#names = names
    this.#values = values
    this.#generations = generations
    this.#order = order
  }

  /** Resolves to whether anything was there. */
  remove(key: CacheKey, { children, origin }: InvalidateOptions): Promise<boolean> {
    const args = [newId(), TOMBSTONE_LIFE_MS, this.#provenance(key, origin), this.#names.leaseEvents()]
    const open = this.#order.begin(key)
    const removing = this.#invalidate(REMOVE, key, children, args)
      .catch(async (error: unknown) => {
        const cover = !children && isOvertaken(error) ? this.#order.coverOf(open) : undefined
        if (cover === undefined) throw error
        // It would delete what was set after it.
        await cover.catch(ignore)
        return false
      })
      .finally(() => this.#order.end(open))
    this.#order.cover(key, children, removing, open)
    return removing
  }

  /**
   * Resolves to whether anything was there. Values that this process has set before are written first, and are stale then:
   * were they not written, older ones could still be served with a grace.
   */
  async expire(key: CacheKey, { children, origin }: InvalidateOptions): Promise<boolean> {
    const preparing = this.#order.preparing(key, children)
    if (preparing !== undefined) await preparing
    this.#order.expire(key, children)
    const args = [newId(), this.#provenance(key, origin), this.#names.leaseEvents()]
    return await this.#invalidate(EXPIRE, key, children, args)
  }

  async clear(origin: InvalidationOrigin): Promise<void> {
    const name = this.#names.topGeneration()
    const now = this.#servers.clockOf(name).at(performance.now())
    const clearing = this.#servers.run(
      CLEAR,
      [name],
      [newId(), TOMBSTONE_LIFE_MS, encodeProvenance({ ...origin, at: now }), this.#names.leaseEvents()],
    )
    this.#generations.forget(name)
    this.#order.cover(undefined, true, clearing)
    await clearing
  }

  async #invalidate(
    script: Script,
    key: CacheKey,
    children: boolean,
    args: readonly Argument[],
  ): Promise<boolean> {
    const keys = this.#values.namesOf(key)
    if (children) {
      const own = this.#names.generation(key.text)
      keys.push(own)
      this.#generations.forget(own)
    }
    const running = this.#servers.run(script, keys, args)
    const reading = this.#generations.read(key).catch(() => undefined)
    const { rest } = await running
    const [frame, wasInUse] = rest as [Buffer | null, number]
    const generations = await reading
    if (wasInUse === 1) return true
    return generations ? checkLiveness({ frame, generations }).live : isValueFrame(frame)
  }

  #provenance(key: CacheKey, origin: InvalidationOrigin): Buffer {
    return encodeProvenance({ ...origin, at: this.#values.now(key) })
  }
}
