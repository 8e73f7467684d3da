import { ignore } from '../../../background.js'
import { encodeBody, lifetimeOf } from '../../../entry/body.js'
import { frameId } from '../../../entry/frame.js'
import { joinGenerations } from '../../../entry/generation.js'
import type { CacheKey } from '../../../key/cache-key.js'
import { newId } from '../../ids.js'
import type { AcquireOptions, AcquireResult, CommitOptions, NewEntry, WriteResult } from '../../store.js'
import type { Names } from '../names.js'
import { ACQUIRE, COMMIT, RELEASE, RENEW } from '../scripts/leases.js'
import { DONE } from '../scripts/script.js'
import type { Servers } from '../servers.js'
import { refused } from './fills.js'
import type { Generations } from './generations.js'
import { isFenced, isStaleItself, isValueFrame } from './judging.js'
import type { Values } from './values.js'

/** Maximum number of attempts of one `acquire`, each because generations have changed since the last. */
const MAX_ATTEMPTS = 8

/** Leases: the right of one computation to store its value. */
export class Leases {
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

  /**
   * Takes a lease that starts from the generations that were `seen`. A value that is found with it is judged by generations
   * that are read after it, and a lease of others is found void by generations that are read after it.
   */
  async acquire(
    key: CacheKey,
    token: Buffer,
    { leaseMs, awaiting, seen }: AcquireOptions,
  ): Promise<AcquireResult> {
    const need = { lifeMs: leaseMs, inUse: false }
    let found = seen ? seen.generations : await this.#generations.read(key)
    // A value that was read with its generations at one moment was judged by its reader.
    let judged = seen?.isOneMoment && isValueFrame(seen.frame) ? frameId(seen.frame) : undefined
    let tookOver = false
    let voided: { readonly holder: Buffer; readonly started: Buffer } | undefined
    for (let attempt = 1; ; attempt++) {
      const generations = await this.#generations.completed(key, found, need)
      this.#generations.learn(key, generations)
      const joined = joinGenerations(generations) as Buffer
      const { status, now, rest } = await this.#servers.run(ACQUIRE, this.#values.namesOf(key), [
        token,
        leaseMs,
        awaiting ? '1' : '0',
        joined,
        voided?.holder ?? '',
        voided?.started ?? '',
      ])
      const isLast = attempt === MAX_ATTEMPTS
      if (status !== DONE) {
        const [holder, lapsesInMs, started] = rest as [Buffer, number, Buffer]
        const result = { won: false, holder, lapsesInMs } as const
        if (started.equals(joined) || isLast) return result
        found = await this.#generations.read(key)
        if (joinGenerations(found)?.equals(started)) return result
        voided = { holder, started }
        continue
      }
      const [hasTakenOver, frame] = rest as [number, Buffer | null]
      tookOver ||= hasTakenOver === 1
      const won = (above: readonly (Buffer | null)[]): AcquireResult => {
        return { won: true, tookOver, reading: { frame, generations: above, now } }
      }
      const isJudged = !isValueFrame(frame) || judged?.equals(frameId(frame))
      if (isJudged || isStaleItself(frame, generations, now)) return won(generations)
      found = await this.#generations.read(key)
      if (joinGenerations(found)?.equals(joined) || isLast) return won(found)
      // The value was judged by these: the lease starts from them.
      judged = Buffer.from(frameId(frame))
    }
  }

  async renew(key: CacheKey, token: Buffer, leaseMs: number): Promise<boolean> {
    const renewing = this.#servers.run(RENEW, [this.#names.lease(key.text)], [token, leaseMs])
    const verifying = this.#generations.read(key).catch(() => undefined)
    // Where this fails, the computed value may be dead on arrival.
    this.#generations.ensure(key, { lifeMs: leaseMs, inUse: false })?.catch(ignore)
    const { status, rest } = await renewing
    const current = await verifying
    if (status !== DONE) return false
    return !current || joinGenerations(current)?.equals(rest[0] as Buffer) === true
  }

  async commit(
    key: CacheKey,
    token: Buffer,
    entry: NewEntry,
    { unchanged }: CommitOptions = {},
  ): Promise<WriteResult> {
    const need = { lifeMs: lifetimeOf(entry), inUse: true }
    if (!this.#generations.areKnownInUse(key)) await this.#generations.ensure(key, need)
    const id = newId()
    const body = encodeBody(entry, this.#values.now(key))
    const { length } = entry.payload
    const committing = this.#servers.run(COMMIT, this.#values.namesOf(key), [
      id,
      token,
      need.lifeMs,
      unchanged ? body.subarray(0, body.length - length) : body,
      this.#names.leaseEvents(),
      unchanged ?? '',
      length,
    ])
    const verifying = this.#generations.read(key).catch(() => undefined)
    this.#generations.ensure(key, need)?.catch(ignore)
    const { status, rest } = await committing
    const current = await verifying
    if (status !== DONE) {
      const [frame, started] = rest as [Buffer | null, Buffer | null]
      return refused(current !== undefined && isFenced(frame, started ?? undefined, current))
    }
    const isDeadOnArrival = current && !joinGenerations(current)?.equals(rest[0] as Buffer)
    return isDeadOnArrival ? refused(true) : { written: true, id }
  }

  async release(key: CacheKey, token: Buffer, isUnstored: boolean): Promise<void> {
    await this.#servers.run(RELEASE, this.#values.namesOf(key), [
      token,
      this.#names.leaseEvents(),
      isUnstored ? '1' : '0',
    ])
  }
}
