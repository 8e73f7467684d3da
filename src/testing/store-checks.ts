import { parseBody } from '../entry/body.js'
import { expiryOf } from '../entry/expiry.js'
import { parseFrame } from '../entry/frame.js'
import { CacheNotRespondingError } from '../errors.js'
import { CacheKey, type KeyInput } from '../key/cache-key.js'
import { newId } from '../store/ids.js'
import { checkLiveness } from '../store/liveness.js'
import type { Store } from '../store/store.js'
import { eventually, expect } from './expect.js'
import { describeLeases } from './lease-checks.js'
import { entry, HOSTILE_PARTS, key, listed, ORIGIN, observed } from './samples.js'
import { describeSecret } from './secret-checks.js'
import { afterEach, beforeEach, checksOf, describe, type StoreCheck, test } from './suite.js'

/** A store under test, open and empty. */
export interface StoreUnderTest {
  readonly store: Store
  /** A second client of the same entries, as in another process; the store itself if only one process can use them. */
  readonly other: Store
  close(): Promise<void>
}

/**
 * Checks of what every store promises, each as a test of its own, for any test runner.
 * @example for (const { name, run } of storeChecks(openStore)) test(name, run)
 */
export function storeChecks(open: () => Promise<StoreUnderTest>): readonly StoreCheck[] {
  return checksOf(() => {
    let opened: StoreUnderTest | undefined
    let store: Store
    let other: Store

    beforeEach(async () => {
      opened = undefined
      opened = await open()
      ;({ store, other } = opened)
    })
    afterEach(() => opened?.close())

    const payload = async (from: Store, input: KeyInput): Promise<string | undefined> => {
      const liveness = checkLiveness(await from.read(key(input)))
      if (!liveness.live) return undefined
      return parseBody(liveness.frame)?.payload.toString()
    }
    /** Payload of a value that is neither dead nor expired. */
    const fresh = async (from: Store, input: KeyInput): Promise<string | undefined> => {
      const liveness = checkLiveness(await from.read(key(input)))
      return liveness.live && liveness.expiredAt === undefined
        ? parseBody(liveness.frame)?.payload.toString()
        : undefined
    }
    const reason = async (input: KeyInput) => {
      const liveness = checkLiveness(await store.read(key(input)))
      return liveness.live ? 'live' : liveness.reason
    }

    describe('entries', () => {
      test('returns what was written, in this process and another', async () => {
        expect(await payload(store, 'a::b')).toBeUndefined()
        expect((await store.write(key('a::b'), entry('one'))).written).toBe(true)
        expect(await payload(store, 'a::b')).toBe('one')
        expect(await payload(other, 'a::b')).toBe('one')
      })

      test('overwrites an entry under a new id', async () => {
        const first = await store.write(key('a'), entry('one'))
        const second = await other.write(key('a'), entry('two'))
        expect(await payload(store, 'a')).toBe('two')
        expect(first).not.toEqual(second)
      })

      test('keeps bytes of every value, and a parent beside its children', async () => {
        const bytes = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256)).toString('latin1')
        await store.write(key('p'), { ...entry(''), payload: Buffer.from(bytes, 'latin1') })
        await store.write(key('p::c'), entry('child'))
        const liveness = checkLiveness(await store.read(key('p')))
        expect(liveness.live && parseBody(liveness.frame)?.payload.toString('latin1')).toBe(bytes)
        expect(await payload(store, 'p::c')).toBe('child')
      })

      test('removes an entry at the end of its TTL', async () => {
        await store.write(key('short'), entry('gone soon', 40))
        await store.write(key('long'), entry('stays'))
        await eventually(async () => expect(await payload(store, 'short')).toBeUndefined(), {
          timeout: 2_000,
          interval: 5,
        })
        expect(await payload(store, 'long')).toBe('stays')
      })

      test('answers many reads and writes of one tick', async () => {
        const many = Array.from({ length: 1_500 }, (_, index) => key(['many', index]))
        await Promise.all(many.map((one, index) => store.write(one, entry(`value ${index}`))))
        const read = await Promise.all(many.map((one) => payload(other, one)))
        expect(read).toEqual(many.map((_, index) => `value ${index}`))
      })

      test('reads its own write of the same tick', async () => {
        await store.write(key('tick'), entry('old'))
        const writing = store.write(key('tick'), entry('new'))
        expect(await payload(store, 'tick')).toBe('new')
        await writing
      })
    })

    describe('remove', () => {
      beforeEach(async () => {
        for (const path of ['a', 'a::b', 'a::b::c', 'ab', 'z']) await store.write(key(path), entry(path))
      })

      test('removes one key, and returns whether it had an entry', async () => {
        expect(await store.remove(key('a'), { children: false, origin: ORIGIN })).toBe(true)
        expect(await payload(other, 'a')).toBeUndefined()
        expect(await payload(other, 'a::b')).toBe('a::b')
        expect(await store.remove(key('a'), { children: false, origin: ORIGIN })).toBe(false)
        expect(await store.remove(key('never'), { children: false, origin: ORIGIN })).toBe(false)
      })

      test('removes children on request, and nothing beside them', async () => {
        expect(await store.remove(key('a'), { children: true, origin: ORIGIN })).toBe(true)
        for (const path of ['a', 'a::b', 'a::b::c']) expect(await payload(other, path)).toBeUndefined()
        for (const path of ['ab', 'z']) expect(await payload(other, path)).toBe(path)
        expect(await store.remove(key('a'), { children: true, origin: ORIGIN })).toBe(false)
      })

      test('says that something was there when only children were', async () => {
        await store.write(key('family::child'), entry('x'))
        expect(await store.remove(key('family'), { children: true, origin: ORIGIN })).toBe(true)
        expect(await store.remove(key('family'), { children: true, origin: ORIGIN })).toBe(false)
        await store.write(key('family::child'), entry('y'))
        expect(await store.remove(key('family'), { children: true, origin: ORIGIN })).toBe(true)
      })

      test('returns false for an entry below a removed key', async () => {
        await store.remove(key('a'), { children: true, origin: ORIGIN })
        expect(await store.remove(key('a::b'), { children: false, origin: ORIGIN })).toBe(false)
      })

      test('allows new entries below a removed key', async () => {
        await store.remove(key('a'), { children: true, origin: ORIGIN })
        await store.write(key('a::b'), entry('again'))
        expect(await payload(store, 'a::b')).toBe('again')
        expect(await payload(store, 'a::b::c')).toBeUndefined()
      })

      test('leaves the origin of the removal', async () => {
        await store.remove(key('a::b'), { children: true, origin: ORIGIN })
        const one = checkLiveness(await store.read(key('a::b')))
        expect(one).toMatchObject({ live: false, reason: 'deleted', provenance: ORIGIN })
        const below = checkLiveness(await store.read(key('a::b::c')))
        expect(below).toMatchObject({ live: false, reason: 'ancestor-deleted', provenance: ORIGIN, depth: 2 })
      })

      test('clears everything', async () => {
        await store.clear(ORIGIN)
        for (const path of ['a', 'a::b', 'ab', 'z']) expect(await payload(other, path)).toBeUndefined()
        await store.write(key('z'), entry('again'))
        expect(await payload(other, 'z')).toBe('again')
      })
    })

    describe('expire', () => {
      const ALONE = { children: false, origin: ORIGIN }
      const WITH_CHILDREN = { children: true, origin: ORIGIN }
      const EVERY_PATH = ['a', 'a::b', 'a::b::c', 'ab', 'z']
      beforeEach(async () => {
        for (const path of EVERY_PATH) await store.write(key(path), entry(path))
      })

      /** The entry state that another process finds. */
      const state = async (input: KeyInput) => {
        const liveness = checkLiveness(await other.read(key(input)))
        if (!liveness.live) return liveness.reason
        return liveness.expiredAt === undefined ? 'fresh' : 'stale'
      }
      const states = async () => Promise.all(EVERY_PATH.map(state))
      const expiry = async (input: KeyInput) => {
        const { frame, generations } = await other.peek(key(input))
        return frame ? expiryOf(frame, generations) : undefined
      }

      test('makes one key stale, and returns whether it had an entry', async () => {
        const before = await store.peek(key('a::b'))
        expect(await store.expire(key('a::b'), ALONE)).toBe(true)
        expect(await states()).toEqual(['fresh', 'stale', 'fresh', 'fresh', 'fresh'])
        expect(await payload(other, 'a::b')).toBe('a::b')
        const after = await other.peek(key('a::b'))
        expect(after.ttlMs).toBeGreaterThan(50_000)
        expect(after.ttlMs).toBeLessThanOrEqual(before.ttlMs)
        expect(await store.expire(key('never'), ALONE)).toBe(false)
        expect(await state('never')).toBe('absent')
      })

      test('makes children stale on request, and nothing beside them', async () => {
        expect(await store.expire(key('a'), WITH_CHILDREN)).toBe(true)
        expect(await states()).toEqual(['stale', 'stale', 'stale', 'fresh', 'fresh'])
        for (const path of EVERY_PATH) expect(await payload(other, path)).toBe(path)
        await other.expire(key('z'), WITH_CHILDREN)
        expect(await states()).toEqual(['stale', 'stale', 'stale', 'fresh', 'stale'])
        expect(await store.expire(key('never'), WITH_CHILDREN)).toBe(false)
      })

      test('says that something was there when only children were', async () => {
        await store.write(key('family::child'), entry('x'))
        expect(await store.expire(key('family'), WITH_CHILDREN)).toBe(true)
        expect(await state('family::child')).toBe('stale')
      })

      test('does not apply to later writes, also after several expiries', async () => {
        for (let time = 0; time < 3; time++) {
          await store.expire(key('a'), WITH_CHILDREN)
          await store.expire(key('a::b'), WITH_CHILDREN)
          expect(await states()).toEqual(['stale', 'stale', 'stale', 'fresh', 'fresh'])
          await other.write(key('a::b'), entry('written'))
          const basis = await observed(store, 'a::b::c')
          expect(await other.write(key('a::b::c'), entry('filled'), { basis })).toMatchObject({
            written: true,
          })
          const token = newId()
          await other.acquire(key('a'), token, { leaseMs: 60_000, awaiting: false })
          expect(await other.commit(key('a'), token, entry('computed'))).toMatchObject({ written: true })
          expect(await states()).toEqual(['fresh', 'fresh', 'fresh', 'fresh', 'fresh'])
          expect([await payload(store, 'a'), await payload(store, 'a::b')]).toEqual(['computed', 'written'])
        }
      })

      test('applies to older entries below only', async () => {
        await store.expire(key('a'), WITH_CHILDREN)
        await store.write(key('a::b::c'), entry('newer'))
        await store.write(key('a::new'), entry('new'))
        expect(await states()).toEqual(['stale', 'stale', 'fresh', 'fresh', 'fresh'])
        expect(await state('a::new')).toBe('fresh')
        await store.expire(key('a::b'), WITH_CHILDREN)
        expect(await state('a::b::c')).toBe('stale')
        expect(await state('a::new')).toBe('fresh')
      })

      test('records the origin of a soft expiry, and whether a parent was expired', async () => {
        const began = (await store.read(key('a'))).now - 1
        await store.expire(key('a::b'), WITH_CHILDREN)
        const ended = (await other.read(key('a'))).now + 1
        for (const [path, depth] of [
          ['a::b', undefined],
          ['a::b::c', 2],
        ] as const) {
          const found = await expiry(path)
          expect(found).toMatchObject({ depth, provenance: ORIGIN })
          expect(found?.at).toBeGreaterThanOrEqual(began)
          expect(found?.at).toBeLessThanOrEqual(ended)
        }
        expect(await expiry('a')).toBeUndefined()
      })

      test('begins the grace at the first expiry', async () => {
        await store.expire(key('a::b'), ALONE)
        const first = await expiry('a::b')
        await eventually(async () =>
          expect((await other.read(key('a'))).now).toBeGreaterThan((first?.at ?? 0) + 5),
        )
        expect(await store.expire(key('a::b'), { children: false, origin: { process: 'other:1' } })).toBe(
          true,
        )
        await store.expire(key('a'), WITH_CHILDREN)
        expect(await expiry('a::b')).toEqual(first)
      })

      test('keeps the tombstone of a delete, and what it refuses', async () => {
        await store.remove(key('a::b'), WITH_CHILDREN)
        await store.expire(key('a::b'), { children: true, origin: { process: 'other:1' } })
        expect(checkLiveness(await other.read(key('a::b')))).toMatchObject({
          reason: 'deleted',
          provenance: ORIGIN,
        })
        for (let time = 0; time < 2; time++) {
          expect(checkLiveness(await other.read(key('a::b::c')))).toMatchObject({
            reason: 'ancestor-deleted',
            provenance: ORIGIN,
          })
          await store.write(key('a::b::new'), entry('new'))
          await store.expire(key('a::b'), { children: true, origin: { process: 'other:1' } })
        }
        expect(await store.expire(key('a::b::c'), ALONE)).toBe(false)
      })

      test('is undone by a delete', async () => {
        await store.expire(key('a'), WITH_CHILDREN)
        expect(await store.remove(key('a'), WITH_CHILDREN)).toBe(true)
        expect(await states()).toEqual(['deleted', 'ancestor-deleted', 'ancestor-deleted', 'fresh', 'fresh'])
      })

      test('refuses a fill that was observed before', async () => {
        for (const [path, options] of [
          ['a::b', ALONE],
          ['a::b', WITH_CHILDREN],
          ['a', WITH_CHILDREN],
        ] as const) {
          const basis = await observed(store, 'a::b')
          await other.expire(key(path), options)
          expect(await store.write(key('a::b'), entry('older'), { basis })).toMatchObject({ written: false })
          expect(await state('a::b')).toBe('stale')
        }
      })

      test('is listed with no time left', async () => {
        await store.expire(key('a'), WITH_CHILDREN)
        await store.expire(key('z'), ALONE)
        const entries = await listed(other)
        const left = Object.fromEntries(entries.map(({ key, ttlMs }) => [key.text, ttlMs > 0]))
        expect(left).toEqual({ a: false, 'a::b': false, 'a::b::c': false, ab: true, z: false })
      })

      test('keeps a large value and a long origin apart', async () => {
        const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 251))
        const origin = { process: 'test:1', route: '\0'.repeat(200), user: 'ÿ☃'.repeat(100) }
        await store.write(key('a::big'), { ...entry(''), payload: bytes })
        await store.expire(key('a'), { children: true, origin })
        await store.expire(key('a::big'), { children: false, origin })
        const liveness = checkLiveness(await other.read(key('a::big')))
        expect(liveness.live && parseBody(liveness.frame)?.payload.equals(bytes)).toBe(true)
        expect(await expiry('a::b')).toMatchObject({ provenance: origin })
      })
    })

    describe('fills', () => {
      const fill = async (input: KeyInput, text: string, basis: Awaited<ReturnType<Store['observe']>>) =>
        (await store.write(key(input), entry(text), { basis })).written

      test('stores a fill after an undisturbed observation', async () => {
        const basis = await observed(store, 'f::1')
        expect(await reason('f::1')).toBe('absent')
        expect(await fill('f::1', 'filled', basis)).toBe(true)
        expect(await payload(other, 'f::1')).toBe('filled')
      })

      test('does not change an entry by observing it', async () => {
        await store.write(key('f::1'), entry('stands'))
        await observed(store, 'f::1')
        expect(await payload(other, 'f::1')).toBe('stands')
      })

      test('places a marker over an invalidated value, which a fill may rely on', async () => {
        await store.write(key('f::1'), entry('dead'))
        await store.remove(key('f'), { children: true, origin: ORIGIN })
        const basis = await observed(store, 'f::1')
        const { frame } = await other.peek(key('f::1'))
        // Where entry and generations are on two servers, the dead value itself may be what a fill replaces.
        expect(frame && parseFrame(frame)).toMatchObject({ id: basis.frameId })
        expect(await fill('f::1', 'filled', basis)).toBe(true)
        expect(await payload(other, 'f::1')).toBe('filled')
      })

      test('stores the first of two fills only', async () => {
        const [mine, theirs] = [await observed(store, 'f'), await observed(other, 'f')]
        expect(mine.frameId).toEqual(theirs.frameId)
        expect(await fill('f', 'first', mine)).toBe(true)
        expect(await fill('f', 'second', theirs)).toBe(false)
        expect(await payload(store, 'f')).toBe('first')
      })

      const invalidations: Record<string, (at: Store) => Promise<unknown>> = {
        'a delete': (at) => at.remove(key('f::1'), { children: false, origin: ORIGIN }),
        'a delete with children': (at) => at.remove(key('f::1'), { children: true, origin: ORIGIN }),
        'a delete of the parent with children': (at) =>
          at.remove(key('f'), { children: true, origin: ORIGIN }),
        'an expire': (at) => at.expire(key('f::1'), { children: false, origin: ORIGIN }),
        'an expire with children': (at) => at.expire(key('f::1'), { children: true, origin: ORIGIN }),
        'an expire of the parent with children': (at) =>
          at.expire(key('f'), { children: true, origin: ORIGIN }),
        'a clear': (at) => at.clear(ORIGIN),
        'a plain write': (at) => at.write(key('f::1'), entry('newer')),
      }
      for (const [what, invalidate] of Object.entries(invalidations)) {
        for (const where of ['the same', 'another'] as const) {
          for (const before of ['nothing', 'a removed entry', 'an entry below a removed one'] as const) {
            test(`refuses a fill after ${what} by ${where} process in the place of ${before}`, async () => {
              if (before !== 'nothing') await store.write(key('f::1'), entry('oldest'))
              if (before === 'a removed entry')
                await store.remove(key('f::1'), { children: false, origin: ORIGIN })
              if (before === 'an entry below a removed one')
                await store.remove(key('f'), { children: true, origin: ORIGIN })
              const basis = await observed(store, 'f::1')
              await invalidate(where === 'the same' ? store : other)
              expect(await fill('f::1', 'stale', basis)).toBe(false)
              // After a soft expiry it may be kept, as stale as what was expired.
              const found = what.startsWith('an expire') ? fresh : payload
              expect(await found(other, 'f::1')).toBe(what === 'a plain write' ? 'newer' : undefined)
            })
          }
        }
      }

      test('stores a fill after operations on other keys', async () => {
        const basis = await observed(store, 'f::1')
        await other.remove(key('f::2'), { children: true, origin: ORIGIN })
        await other.remove(key('f'), { children: false, origin: ORIGIN })
        await other.expire(key('f::2'), { children: true, origin: ORIGIN })
        await other.expire(key('f'), { children: false, origin: ORIGIN })
        await other.write(key('f'), entry('parent'))
        expect(await fill('f::1', 'filled', basis)).toBe(true)
      })
    })

    describeLeases(() => ({ store, other }))
    describe('a secret, where the store keeps one', () => describeSecret(() => ({ store, other })))

    describe('peek and list', () => {
      test('returns a frame, and leaves no trace', async () => {
        await store.write(key('l'), entry('seen', 30_000))
        const before = await store.read(key('l'))
        const peek = await other.peek(key('l'))
        expect(peek.frame).toEqual(before.frame)
        expect(peek.ttlMs).toBeGreaterThan(20_000)
        expect(peek.ttlMs).toBeLessThanOrEqual(30_000)
        expect(peek.bytes).toBe(before.frame?.length)
        expect(Math.abs(peek.now - Date.now())).toBeLessThan(5_000)
        expect((await other.peek(key('nothing::here'))).frame).toBeNull()
        const nothing = await store.read(key('nothing::here'))
        const defined = Object.entries(nothing).flatMap(([name, value]) => {
          return value === undefined || name === 'isOneMoment' ? [] : name
        })
        expect(defined.sort()).toEqual(['frame', 'generations', 'now'])
        expect(nothing.frame).toBeNull()
        expect(Array.isArray(nothing.generations)).toBe(true)
        expect(typeof nothing.now).toBe('number')
        expect(nothing.generations[1]).toBeNull()
      })

      const listAll = async (under?: KeyInput) => {
        const found: string[] = []
        let cursor: string | undefined
        do {
          const page = await other.list({
            under: under === undefined ? undefined : key(under),
            cursor,
            scan: 50,
          })
          found.push(...page.entries.map((one) => one.key.text))
          cursor = page.cursor
        } while (cursor !== undefined)
        return found.sort()
      }

      test('lists live keys page by page, all or below one', async () => {
        const texts = Array.from({ length: 230 }, (_, index) => key(['list', index % 7, index]).text).sort()
        await Promise.all([...texts, 'lis', 'list2::x'].map((text) => store.write(key(text), entry(text))))
        expect(await listAll()).toEqual([...texts, 'lis', 'list2::x'].sort())
        expect(await listAll('list')).toEqual(texts)
        expect(await listAll('list::3')).toEqual(texts.filter((text) => text.startsWith('list::3::')))
        expect(await listAll('unused')).toEqual([])
      })

      test('lists matching keys, and tests those below only', async () => {
        await Promise.all(
          ['list::a', 'list::b', 'list2::a'].map((text) => store.write(key(text), entry(text))),
        )
        const asked: string[] = []
        const matches = ({ text }: CacheKey) => {
          asked.push(text)
          return text.endsWith('a')
        }
        const entries = await listed(other, { under: key('list'), matches })
        expect(entries.map((one) => one.key.text)).toEqual(['list::a'])
        expect(asked.sort()).toEqual(['list::a', 'list::b'])
      })

      test('continues at a cursor without a key in it, and rejects other cursors', async () => {
        const texts = Array.from({ length: 600 }, (_, index) => key(['list', `name-${index}`]).text)
        await Promise.all(texts.map((text) => store.write(key(text), entry(text))))
        const { cursor } = await other.list({ scan: 50 })
        expect(cursor).not.toContain('name-')
        await expect(other.list({ cursor: 'nonsense', scan: 50 })).rejects.toThrow(CacheNotRespondingError)
      })

      test('lists no removed, invalidated, observed or expired keys', async () => {
        for (const path of ['live', 'removed', 'dead::child', 'expiring']) {
          await store.write(key(path), entry(path, path === 'expiring' ? 30 : 60_000))
        }
        await store.remove(key('removed'), { children: false, origin: ORIGIN })
        await store.remove(key('dead'), { children: true, origin: ORIGIN })
        await observed(store, 'observed')
        await eventually(async () => expect(await listAll()).toEqual(['live']), {
          timeout: 2_000,
          interval: 10,
        })
      })

      test('lists entries with size, times and writer', async () => {
        await store.write(key('one'), entry('payload', 30_000))
        const [one] = await listed(other)
        expect(one).toMatchObject({ writtenBy: 'test:1' })
        expect(one?.bytes).toBe((await store.peek(key('one'))).bytes)
        expect(one?.ttlMs).toBeGreaterThan(20_000)
        expect(Math.abs((one?.writtenAt ?? 0) - Date.now())).toBeLessThan(5_000)
      })

      test('keeps keys with special characters apart, and lists them', async () => {
        const keys = HOSTILE_PARTS.map((part) => CacheKey.from(['hostile', part]))
        await Promise.all(keys.map((one) => store.write(one, entry(one.text))))
        for (const one of keys) expect(await payload(other, one)).toBe(one.text)
        expect(await listAll('hostile')).toEqual(keys.map((one) => one.text).sort())
        expect(await store.remove(CacheKey.from(['hostile', '*']), { children: true, origin: ORIGIN })).toBe(
          true,
        )
        expect(await listAll('hostile')).toHaveLength(HOSTILE_PARTS.length - 1)
      })

      test('passes check()', async () => {
        await expect(store.check()).resolves.toBeUndefined()
        expect(await listAll()).toEqual([])
      })
    })
  })
}
