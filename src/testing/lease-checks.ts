import { parseBody } from '../entry/body.js'
import { parseFrame } from '../entry/frame.js'
import { joinGenerations } from '../entry/generation.js'
import { type Lease, parseLease } from '../entry/lease.js'
import { CacheKey, type KeyInput } from '../key/cache-key.js'
import { newId } from '../store/ids.js'
import { checkLiveness } from '../store/liveness.js'
import type { Store } from '../store/store.js'
import { eventually, expect, fail } from './expect.js'
import { entry, HOSTILE_PARTS, key, ORIGIN, observed } from './samples.js'
import { beforeEach, describe, test } from './suite.js'

/** Long enough for a test. */
const LONG = { leaseMs: 60_000, awaiting: false }
const AWAITING = { ...LONG, awaiting: true }
/** A lease that lapses while the test runs. */
const SHORT = { leaseMs: 20, awaiting: false }

/** Checks of leases: which computation of a key may store its result. */
export function describeLeases(opened: () => { readonly store: Store; readonly other: Store }): void {
  describe('leases', () => {
    let store: Store
    let other: Store
    let mine: Buffer
    let theirs: Buffer
    beforeEach(() => {
      ;({ store, other } = opened())
      mine = newId()
      theirs = newId()
    })

    const lease = async (input: KeyInput): Promise<Lease | undefined> => {
      const { lease } = await other.read(key(input), { lease: true })
      return lease ? parseLease(lease) : undefined
    }
    const lapsed = (input: KeyInput) =>
      eventually(
        async () => {
          const { lease, now } = await store.peek(key(input))
          // A store may show its leases on another clock than the one by which they lapse.
          expect(lease && parseLease(lease)?.lapsesAt).toBeLessThan(now - 10)
        },
        { timeout: 5_000, interval: 2 },
      )
    const payload = async (input: KeyInput): Promise<string | undefined> => {
      const liveness = checkLiveness(await other.read(key(input)))
      return liveness.live ? parseBody(liveness.frame)?.payload.toString() : undefined
    }
    /** Payload of a value that is neither dead nor expired. */
    const fresh = async (input: KeyInput): Promise<string | undefined> => {
      const liveness = checkLiveness(await other.read(key(input)))
      return liveness.live && liveness.expiredAt === undefined ? payload(input) : undefined
    }
    const committed = async (at: Store, input: KeyInput, token: Buffer, text = 'computed') =>
      (await at.commit(key(input), token, entry(text))).written

    describe('acquire', () => {
      test('grants a lease to one of two callers, and refuses the other with its holder and remaining time', async () => {
        expect(await store.acquire(key('a::b'), mine, LONG)).toMatchObject({ won: true, tookOver: false })
        const refused = await other.acquire(key('a::b'), theirs, LONG)
        expect(refused).toMatchObject({ won: false, holder: mine })
        const { lapsesInMs } = refused as { lapsesInMs: number }
        expect(lapsesInMs).toBeGreaterThan(50_000)
        expect(lapsesInMs).toBeLessThanOrEqual(60_000)
      })

      test('grants a lease to one of many concurrent callers', async () => {
        const asked = await Promise.all(
          Array.from({ length: 40 }, (_, index) =>
            (index % 2 ? store : other).acquire(key('a::b'), newId(), LONG),
          ),
        )
        expect(asked.filter(({ won }) => won)).toHaveLength(1)
      })

      test('grants a lease again to the same token', async () => {
        await store.acquire(key('a::b'), mine, LONG)
        expect(await store.acquire(key('a::b'), mine, LONG)).toMatchObject({ won: true, tookOver: false })
        expect(await other.acquire(key('a::b'), theirs, LONG)).toMatchObject({ won: false, holder: mine })
        expect(await committed(store, 'a::b', mine)).toBe(true)
      })

      test('grants leases per key, also for keys above and below', async () => {
        for (const path of ['a', 'a::b', 'a::b::c', 'ab']) {
          expect(await store.acquire(key(path), newId(), LONG)).toMatchObject({ won: true })
        }
        const keys = HOSTILE_PARTS.map((part) => CacheKey.from(['hostile', part]))
        const tokens = new Map(keys.map((one) => [one, newId()]))
        const acquired = await Promise.all([...tokens].map(([one, token]) => store.acquire(one, token, LONG)))
        expect(acquired.every(({ won }) => won)).toBe(true)
        for (const [one, token] of tokens) {
          expect(await other.acquire(one, theirs, LONG)).toMatchObject({ won: false, holder: token })
          expect(await committed(store, one, token, one.text)).toBe(true)
        }
        for (const one of keys) expect(await payload(one)).toBe(one.text)
      })

      test('returns the present frame with all generations, and creates missing ones', async () => {
        const read = async (input: KeyInput) => {
          const acquired = await store.acquire(key(input), newId(), LONG)
          return acquired.won ? acquired.reading : fail('refused')
        }
        const nothing = await read('new::a::b')
        expect(nothing.frame).toBeNull()
        expect(joinGenerations(nothing.generations)).toHaveLength(3 * 12 + 14)
        expect(nothing.generations).toEqual((await other.read(key('new::a::b'))).generations)
        expect(Math.abs(nothing.now - Date.now())).toBeLessThan(5_000)

        await other.write(key('a::value'), entry('value'))
        const liveness = checkLiveness(await read('a::value'))
        expect(liveness.live && parseBody(liveness.frame)?.payload.toString()).toBe('value')

        await other.remove(key('a::removed'), { children: false, origin: ORIGIN })
        expect(checkLiveness(await read('a::removed'))).toMatchObject({ live: false, reason: 'deleted' })

        await other.write(key('dead::value'), entry('value'))
        await other.remove(key('dead'), { children: true, origin: ORIGIN })
        expect(checkLiveness(await read('dead::value'))).toMatchObject({
          live: false,
          reason: 'ancestor-deleted',
        })

        const { frameId } = await observed(other, 'a::marked')
        const { frame } = await read('a::marked')
        expect(frame && parseFrame(frame)).toMatchObject({ kind: 'marker', id: frameId })
      })

      test('creates no entry, and is in no listing', async () => {
        await store.acquire(key('a::b'), mine, LONG)
        expect(checkLiveness(await other.read(key('a::b')))).toMatchObject({ live: false, reason: 'absent' })
        expect((await other.list({ scan: 1_000 })).entries).toEqual([])
        expect(await other.remove(key('a'), { children: true, origin: ORIGIN })).toBe(false)
      })
    })

    describe('reading a lease', () => {
      test('comes with the entry on request, and with every peek', async () => {
        expect((await other.read(key('a::b'), { lease: true })).lease).toBeNull()
        await store.acquire(key('a::b'), mine, LONG)
        const { lease: bytes, generations, now } = await other.read(key('a::b'), { lease: true })
        const read = bytes ? parseLease(bytes) : undefined
        expect(read).toMatchObject({ token: mine, awaited: false, started: joinGenerations(generations) })
        expect(read?.lapsesAt).toBeGreaterThan(now + 50_000)
        expect(read?.lapsesAt).toBeLessThanOrEqual(now + 61_000)
        expect((await other.read(key('a::b'))).lease).toBeUndefined()
        expect((await other.peek(key('a::b'))).lease).toEqual(bytes)
      })

      test('shows whether a caller waits, also after a takeover', async () => {
        await store.acquire(key('a::b'), mine, LONG)
        await other.acquire(key('a::b'), theirs, LONG)
        expect(await lease('a::b')).toMatchObject({ token: mine, awaited: false })
        await other.acquire(key('a::b'), newId(), { ...LONG, awaiting: true })
        expect(await lease('a::b')).toMatchObject({ token: mine, awaited: true })
        await store.renew(key('a::b'), mine, SHORT.leaseMs)
        await lapsed('a::b')
        await other.acquire(key('a::b'), theirs, LONG)
        expect(await lease('a::b')).toMatchObject({ token: theirs, awaited: true })
        await other.renew(key('a::b'), theirs, 60_000)
        expect(await lease('a::b')).toMatchObject({ token: theirs, awaited: true })
      })

      test('finds none after its end', async () => {
        const ends: Record<string, () => Promise<unknown>> = {
          commit: () => committed(store, 'a::b', mine),
          release: () => store.release(key('a::b'), mine),
          remove: () => other.remove(key('a::b'), { children: false, origin: ORIGIN }),
          expire: () => other.expire(key('a::b'), { children: false, origin: ORIGIN }),
          write: () => other.write(key('a::b'), entry('set')),
        }
        for (const [end, how] of Object.entries(ends)) {
          await store.acquire(key('a::b'), mine, LONG)
          await how()
          expect(await lease('a::b'), end).toBeUndefined()
        }
      })
    })

    /** Operations that end a lease before its commit. */
    const fences: Record<string, (at: Store) => Promise<unknown>> = {
      'a write': (at) => at.write(key('a::b'), entry('newer')),
      'a fill': async (at) => {
        const basis = await observed(at, 'a::b')
        expect(await at.write(key('a::b'), entry('newer'), { basis })).toMatchObject({ written: true })
      },
      'a remove': (at) => at.remove(key('a::b'), { children: false, origin: ORIGIN }),
      'a remove with children': (at) => at.remove(key('a::b'), { children: true, origin: ORIGIN }),
      'a remove of the parent with children': (at) => at.remove(key('a'), { children: true, origin: ORIGIN }),
      'an expire': (at) => at.expire(key('a::b'), { children: false, origin: ORIGIN }),
      'an expire with children': (at) => at.expire(key('a::b'), { children: true, origin: ORIGIN }),
      'an expire of the parent with children': (at) =>
        at.expire(key('a'), { children: true, origin: ORIGIN }),
      'an expire of the parent, and a write below it': async (at) => {
        await at.expire(key('a'), { children: true, origin: ORIGIN })
        await at.write(key('a::c'), entry('beside'))
        await observed(at, 'a::b')
      },
      'a clear': (at) => at.clear(ORIGIN),
      'a release': (at) => at.release(key('a::b'), mine),
      'a take-over': async (at) => {
        await at.acquire(key('a::b'), mine, SHORT)
        await lapsed('a::b')
        expect(await at.acquire(key('a::b'), theirs, LONG)).toMatchObject({ won: true, tookOver: true })
        expect(await committed(at, 'a::b', theirs, 'newer')).toBe(true)
      },
    }

    describe('a commit', () => {
      test('writes the value with its metadata, and ends the lease', async () => {
        await store.acquire(key('a::b'), mine, LONG)
        const facts = { graceMs: 5_000, computingMs: 12.5, isFailure: true }
        const result = await store.commit(key('a::b'), mine, { ...entry('computed', 30_000), ...facts })
        const { frame, now } = await other.read(key('a::b'))
        expect(result).toEqual({
          written: true,
          id: frame && parseFrame(frame).kind === 'value' && frame.subarray(4, 16),
        })
        const body = frame ? parseBody(frame) : undefined
        expect(body).toMatchObject({ ...facts, ttlMs: 30_000, writtenBy: 'test:1', format: 1 })
        expect(Math.abs((body?.writtenAt ?? 0) - now)).toBeLessThan(1_000)
        expect((await other.peek(key('a::b'))).ttlMs).toBeGreaterThan(30_000)
        expect(await payload('a::b')).toBe('computed')
        expect(await other.acquire(key('a::b'), theirs, LONG)).toMatchObject({ won: true, tookOver: false })
      })

      test('is invalidated by the generations above it, as a write is', async () => {
        await store.acquire(key('a::b::c'), mine, LONG)
        expect(await committed(store, 'a::b::c', mine)).toBe(true)
        expect(await other.remove(key('a'), { children: true, origin: ORIGIN })).toBe(true)
        expect(await payload('a::b::c')).toBeUndefined()
      })

      test('succeeds once, and under no other token', async () => {
        await store.acquire(key('a::b'), mine, LONG)
        expect(await committed(other, 'a::b', theirs, 'a stranger’s')).toBe(false)
        expect(await committed(store, 'a::b', mine)).toBe(true)
        expect(await committed(store, 'a::b', mine, 'again')).toBe(false)
        expect(await payload('a::b')).toBe('computed')
        expect(await committed(store, 'never::asked', mine)).toBe(false)
      })

      test('fences a fill of what was observed before it', async () => {
        const basis = await observed(other, 'a::b')
        await store.acquire(key('a::b'), mine, LONG)
        expect(await committed(store, 'a::b', mine)).toBe(true)
        expect(await other.write(key('a::b'), entry('filled'), { basis })).toEqual({ written: false })
        expect(await payload('a::b')).toBe('computed')
      })

      test('succeeds after operations on other keys, and after reads', async () => {
        await store.acquire(key('a::b'), mine, LONG)
        await other.remove(key('a'), { children: false, origin: ORIGIN })
        await other.remove(key('a::c'), { children: true, origin: ORIGIN })
        await other.expire(key('a'), { children: false, origin: ORIGIN })
        await other.expire(key('a::c'), { children: true, origin: ORIGIN })
        await other.write(key('a'), entry('parent'))
        await other.write(key('a::b::below'), entry('child'))
        await other.remove(key('a::b::below'), { children: true, origin: ORIGIN })
        await other.acquire(key('a::b'), theirs, AWAITING)
        await other.release(key('a::b'), theirs)
        await observed(other, 'a::b')
        await other.peek(key('a::b'))
        expect(await committed(store, 'a::b', mine)).toBe(true)
        expect(await payload('a::b')).toBe('computed')
      })

      for (const [what, fence] of Object.entries(fences)) {
        for (const where of ['the same', 'another'] as const) {
          for (const before of ['nothing', 'an older value'] as const) {
            test(`is refused after ${what} by ${where} process in the place of ${before}, as a renewal is`, async () => {
              if (before === 'an older value') await store.write(key('a::b'), entry('older'))
              await store.acquire(key('a::b'), mine, LONG)
              await fence(where === 'the same' ? store : other)
              // After a soft expiry above it may be kept, as stale as what was expired.
              const found = what.startsWith('an expire of the parent') ? fresh : payload
              const stands = await found('a::b')
              expect(await store.renew(key('a::b'), mine, 60_000)).toBe(false)
              expect(await committed(store, 'a::b', mine, 'stale')).toBe(false)
              expect(await found('a::b')).toBe(stands)
              if (/^a (write|fill|take-over)/.test(what)) expect(stands).toBe('newer')
              // The next caller does not wait for a lease that cannot commit.
              expect(await other.acquire(key('a::b'), newId(), LONG)).toMatchObject({
                won: true,
                tookOver: false,
              })
            })
          }
        }
      }

      for (const what of [
        'a remove of the parent with children',
        'an expire of the parent with children',
        'a clear',
      ]) {
        test(`does not make callers wait after ${what}`, async () => {
          await store.acquire(key('a::b'), mine, LONG)
          await fences[what]?.(other)
          expect(await other.acquire(key('a::b'), theirs, LONG)).toMatchObject({ won: true, tookOver: false })
          expect(await committed(store, 'a::b', mine, 'stale')).toBe(false)
          expect(await committed(other, 'a::b', theirs)).toBe(true)
          expect(await payload('a::b')).toBe('computed')
        })
      }
    })

    describe('a commit of an unchanged value', () => {
      const standing = async (input: KeyInput) => {
        const acquired = await store.acquire(key(input), mine, LONG)
        const frame = acquired.won ? acquired.reading.frame : null
        return frame ? Buffer.from(frame.subarray(4, 16)) : fail('there is no entry')
      }

      const BEFORE: Record<string, () => Promise<unknown>> = {
        'was written': async () => {},
        'was marked stale': () => other.expire(key('a::b'), { children: false, origin: ORIGIN }),
        'was marked stale with its parent': () => other.expire(key('a'), { children: true, origin: ORIGIN }),
        'was marked stale twice': async () => {
          await other.expire(key('a'), { children: true, origin: ORIGIN })
          await other.expire(key('a::b'), { children: true, origin: ORIGIN })
        },
      }
      for (const [text, [what, happened]] of ['unchanged', ''].flatMap((text) =>
        Object.entries(BEFORE).map((before) => [text, before] as const),
      )) {
        test(`renews its TTL and keeps its payload, '${text}', which ${what}`, async () => {
          await other.write(key('a::b'), entry(text, 1_000))
          await happened()
          const unchanged = await standing('a::b')
          const result = await store.commit(key('a::b'), mine, entry(text, 30_000), { unchanged })
          expect(result).toMatchObject({ written: true })
          expect(result).not.toMatchObject({ id: unchanged })
          expect(await payload('a::b')).toBe(text)
          expect((await other.peek(key('a::b'))).ttlMs).toBeGreaterThan(20_000)
          const liveness = checkLiveness(await other.read(key('a::b')))
          expect(liveness).toMatchObject({ live: true, expiredAt: undefined })
          expect(await other.remove(key('a'), { children: true, origin: ORIGIN })).toBe(true)
          expect(await payload('a::b')).toBeUndefined()
        })
      }

      test('is refused in the place of another frame, and releases the lease', async () => {
        await other.write(key('a::b'), entry('stands'))
        await standing('a::b')
        const unchanged = newId()
        expect(await store.commit(key('a::b'), mine, entry('another'), { unchanged })).toEqual({
          written: false,
        })
        expect(await payload('a::b')).toBe('stands')
        expect(await lease('a::b')).toBeUndefined()
      })

      test('is refused after the value has expired', async () => {
        await other.write(key('a::b'), entry('short', 500))
        const unchanged = await standing('a::b')
        await eventually(async () => expect((await other.peek(key('a::b'))).frame).toBeNull(), {
          timeout: 5_000,
          interval: 5,
        })
        expect(await store.commit(key('a::b'), mine, entry('short'), { unchanged })).toEqual({
          written: false,
        })
        expect(await payload('a::b')).toBeUndefined()
      })
    })

    describe('a lease that has lapsed', () => {
      for (const before of ['nothing', 'an older value'] as const) {
        test(`commits without a takeover, in the place of ${before}`, async () => {
          if (before === 'an older value') await store.write(key('a::b'), entry('older'))
          await store.acquire(key('a::b'), mine, SHORT)
          await lapsed('a::b')
          expect(await committed(store, 'a::b', mine)).toBe(true)
          expect(await payload('a::b')).toBe('computed')
          expect(await lease('a::b')).toBeUndefined()
        })
      }

      test('is renewed without a takeover', async () => {
        await store.acquire(key('a::b'), mine, SHORT)
        await lapsed('a::b')
        expect(await store.renew(key('a::b'), mine, 60_000)).toBe(true)
        expect(await other.acquire(key('a::b'), theirs, LONG)).toMatchObject({ won: false, holder: mine })
        expect(await committed(store, 'a::b', mine)).toBe(true)
      })

      // A lapsed lease is fenced as any other.
      for (const [what, fence] of Object.entries(fences)) {
        test(`is ended by ${what}`, async () => {
          await store.acquire(key('a::b'), mine, SHORT)
          await lapsed('a::b')
          await fence(other)
          const found = what.startsWith('an expire of the parent') ? fresh : payload
          const stands = await found('a::b')
          expect(await store.renew(key('a::b'), mine, 60_000)).toBe(false)
          expect(await committed(store, 'a::b', mine, 'stale')).toBe(false)
          expect(await found('a::b')).toBe(stands)
        })
      }
    })

    describe('a lease without renewal', () => {
      test('is taken over, and the result reports the takeover', async () => {
        await store.acquire(key('a::b'), mine, SHORT)
        await lapsed('a::b')
        expect(await other.acquire(key('a::b'), theirs, LONG)).toMatchObject({ won: true, tookOver: true })
        await store.release(key('a::b'), mine)
        expect(await store.renew(key('a::b'), mine, 60_000)).toBe(false)
        expect(await committed(store, 'a::b', mine, 'stale')).toBe(false)
        expect(await store.acquire(key('a::b'), mine, LONG)).toMatchObject({ won: false, holder: theirs })
        expect(await committed(other, 'a::b', theirs)).toBe(true)
        expect(await payload('a::b')).toBe('computed')
      })

      test('has no holder after its release, lapsed or not', async () => {
        await store.acquire(key('a::b'), mine, LONG)
        await store.release(key('a::b'), mine)
        expect(await other.acquire(key('a::b'), theirs, SHORT)).toMatchObject({ won: true, tookOver: false })
        await lapsed('a::b')
        await other.release(key('a::b'), theirs)
        expect(await store.acquire(key('a::b'), newId(), LONG)).toMatchObject({ won: true, tookOver: false })
      })

      test('lasts longer after a renewal', async () => {
        await store.acquire(key('a::b'), mine, { leaseMs: 2_000, awaiting: false })
        expect(await store.renew(key('a::b'), theirs, 60_000)).toBe(false)
        expect(await store.renew(key('a::b'), mine, 60_000)).toBe(true)
        const refused = await other.acquire(key('a::b'), theirs, LONG)
        expect(refused).toMatchObject({ won: false, holder: mine })
        expect((refused as { lapsesInMs: number }).lapsesInMs).toBeGreaterThan(50_000)
        expect(await committed(store, 'a::b', mine)).toBe(true)
      })
    })

    describe('a watch', () => {
      const watching = async (input: KeyInput) => {
        let count = 0
        const wake = () => {
          count++
        }
        const watch = other.watch(key(input), wake)
        await watch.activate()
        expect(watch.active).toBe(true)
        return { watch, wakes: () => count }
      }
      /** One process computes the key, and another was refused and waits. */
      const awaited = async (input: KeyInput) => {
        await store.acquire(key(input), mine, LONG)
        expect(await other.acquire(key(input), theirs, AWAITING)).toMatchObject({ won: false })
      }
      const woken = (wakes: () => number, times = 1) =>
        eventually(() => expect(wakes()).toBeGreaterThanOrEqual(times), {
          timeout: 5_000,
          interval: 2,
        })

      const events: Record<string, () => Promise<unknown>> = {
        'a commit': () => committed(store, 'a::b', mine),
        'a release': () => store.release(key('a::b'), mine),
        'a write': () => store.write(key('a::b'), entry('set')),
        'a remove': () => store.remove(key('a::b'), { children: false, origin: ORIGIN }),
        'a remove with children': () => store.remove(key('a::b'), { children: true, origin: ORIGIN }),
        'a remove of the parent with children': () =>
          store.remove(key('a'), { children: true, origin: ORIGIN }),
        'an expire': () => store.expire(key('a::b'), { children: false, origin: ORIGIN }),
        'an expire of the parent with children': () =>
          store.expire(key('a'), { children: true, origin: ORIGIN }),
        'a clear': () => store.clear(ORIGIN),
        'a commit that is refused': () => store.commit(key('a::b'), mine, entry('x'), { unchanged: newId() }),
        'a commit after a renewal': async () => {
          await store.renew(key('a::b'), mine, 60_000)
          await committed(store, 'a::b', mine)
        },
      }
      for (const [what, happens] of Object.entries(events)) {
        test(`is woken by ${what}, each time`, async () => {
          const { wakes, watch } = await watching('a::b')
          await awaited('a::b')
          expect(wakes()).toBe(0)
          await happens()
          await woken(wakes)
          const before = wakes()
          await awaited('a::b')
          await happens()
          await woken(wakes, before + 1)
          watch.stop()
        })
      }

      test('is woken by the commit after a takeover', async () => {
        const { wakes, watch } = await watching('a::b')
        await store.acquire(key('a::b'), mine, LONG)
        await other.acquire(key('a::b'), newId(), AWAITING)
        await store.renew(key('a::b'), mine, SHORT.leaseMs)
        await lapsed('a::b')
        await store.acquire(key('a::b'), theirs, LONG)
        expect(await committed(store, 'a::b', theirs)).toBe(true)
        await woken(wakes)
        watch.stop()
      })

      test('is woken after another watch of the same key has stopped, which is not', async () => {
        const stopped = await watching('a::b')
        const { wakes, watch } = await watching('a::b')
        stopped.watch.stop()
        await awaited('a::b')
        await committed(store, 'a::b', mine)
        await woken(wakes)
        watch.stop()
        expect(stopped.wakes()).toBe(0)
      })

      test('works for keys with special characters', async () => {
        const keys = HOSTILE_PARTS.map((part) => CacheKey.from(['hostile', part]))
        const watches = await Promise.all(keys.map((one) => watching(one)))
        for (const [index, one] of keys.entries()) {
          const { wakes, watch } = watches[index] ?? fail('no watch')
          mine = newId()
          await awaited(one)
          expect(wakes()).toBe(0)
          await committed(store, one, mine)
          await woken(wakes)
          watch.stop()
        }
      })
    })
  })
}
