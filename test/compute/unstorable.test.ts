import { ObjectId } from 'bson'
import { Decimal } from 'decimal.js'
// @ts-expect-error: it comes without types
import { DateTime } from 'luxon'
import { expect, test, vi } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { Wait } from '../../src/compute/wait.js'
import { UnserializableValueError } from '../../src/errors.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { becomesStale } from '../helpers/stale.js'
import { Gate } from './gate.js'

class RowDataPacket {
  constructor(
    readonly id: number,
    readonly name: string,
  ) {}
}

const failing = {
  get price(): number {
    throw new Error('no price yet')
  },
}

/** The result of a factory, and the path of its part that cannot be stored. */
const VALUES: Record<string, [() => unknown, path: string]> = {
  'a function': [() => ({ total: () => 1 }), 'value.total'],
  'a Decimal': [() => ({ price: new Decimal('1.10') }), 'value.price'],
  'a URL': [() => new URL('https://example.com'), 'value'],
  'a luxon DateTime': [() => [DateTime.fromMillis(0)], 'value[0]'],
  'rows of mysql2': [() => [new RowDataPacket(1, 'Lamp')], 'value[0]'],
  'a lean() document': [() => ({ _id: new ObjectId(), name: 'Lamp' }), 'value._id'],
  'settled promises': [
    () => Promise.allSettled([Promise.resolve(1), Promise.reject(new Error('out of stock'))]),
    'value[1].reason',
  ],
  'a getter that throws': [() => ({ item: failing }), 'value.item.price'],
}

function logged() {
  const warnings: string[] = []
  return { warnings, logger: { warn: (message: string) => void warnings.push(message) } }
}

const unstorable = (cache: KeyedCache) => cache.processStats().totals.unstorable

describeOnEveryBackend('A computed value that cannot be stored', (open) => {
  for (const [name, [make, path]] of Object.entries(VALUES)) {
    test(`reaches its caller: ${name}`, async () => {
      const { warnings, logger } = logged()
      const cache = open({ logger })
      let made: unknown
      const factory = vi.fn(async () => {
        made = await make()
        return made
      })
      expect(await cache.getOrSet(['quote', 1], factory)).toBe(made)
      expect(await cache.getOrSet(['quote', 2], factory)).toBe(made)
      expect(await cache.getOrSetMany([['quote', 3]], async () => [await factory()])).toEqual([made])
      expect(await cache.cached((_: number) => factory(), { name: 'quoted' })(4)).toBe(made)
      expect(factory).toHaveBeenCalledTimes(4)
      expect(await cache.has(['quote', 1])).toBe(false)
      expect(unstorable(cache)).toBe(4)
      expect(warnings).toEqual([
        expect.stringContaining(`"quote" was returned to its callers and not stored. ${path} is `),
        expect.stringContaining('"func::quoted" was returned'),
      ])
    })

    test(`rejects with the option for it: ${name}`, async () => {
      const { warnings, logger } = logged()
      const factory = async () => make()
      const strict = open({ logger, strictValues: true })
      const cache = open({ logger })
      const calls = [
        strict.getOrSet('quote', factory),
        strict.getOrSetMany(['quote'], async () => [await make()]),
        strict.cached(factory, { name: 'a' })(),
        cache.getOrSet('quote', factory, { strictValues: true }),
        cache.cached(factory, { name: 'a', strictValues: true })(),
      ]
      for (const outcome of await Promise.allSettled(calls)) {
        expect(outcome).toMatchObject({ reason: { name: 'UnserializableValueError', path } })
      }
      expect(await strict.getOrSet('quote', () => 1, { strictValues: false })).toBe(1)
      expect(warnings).toEqual([])
    })
  }

  test('rejects in set, and an option that is no boolean is refused', async () => {
    const cache = open()
    await expect(cache.set('k', () => 1)).rejects.toThrow(UnserializableValueError)
    const wrong = { strictValues: 'yes' as never }
    await expect(cache.getOrSet('k', () => 1, wrong)).rejects.toThrow('strictValues must be true or false')
    expect(() => open(wrong)).toThrow('strictValues must be true or false')
  })

  test('is computed once for the callers of a process, which all get the same object', async () => {
    const cache = open({ logger: logged().logger })
    const gate = new Gate()
    const made = new Decimal(1)
    const factory = vi.fn(async () => {
      await gate.pass()
      return made
    })
    const first = cache.getOrSet('d', factory)
    await gate.reached()
    const crowd = Array.from({ length: 48 }, () => cache.getOrSet('d', factory))
    const strict = cache.getOrSet('d', factory, { strictValues: true })
    strict.catch(() => {})
    await vi.waitFor(() => expect(cache.processStats().totals.waits).toBe(49))
    gate.open()
    for (const value of await Promise.all([first, ...crowd])) expect(value).toBe(made)
    await expect(strict).rejects.toThrow(UnserializableValueError)
    expect(factory).toHaveBeenCalledOnce()
  })

  test('is not kept in request memory either', async () => {
    const cache = open({ logger: logged().logger })
    await cache.withRequestMemory(async (own) => {
      const factory = vi.fn(() => new Decimal(1))
      await own.getOrSet('d', factory)
      expect(await own.get('d')).toBeUndefined()
      await own.getOrSet('d', factory)
      expect(factory).toHaveBeenCalledTimes(2)
      expect(await own.getOrSet('d', () => 'plain')).toBe('plain')
      expect(await own.get('d')).toBe('plain')
    })
  })

  test('does not prevent the next value from being stored', async () => {
    const cache = open({ logger: logged().logger })
    await cache.getOrSet('k', () => [new Decimal(1)] as unknown)
    expect(await cache.getOrSet('k', () => 'plain' as unknown)).toBe('plain')
    expect(await cache.get('k')).toBe('plain')
  })

  test('of a batch does not affect the others', async () => {
    const cache = open({ logger: logged().logger })
    const made = new Decimal(1)
    const values = await cache.getOrSetMany(['b::1', 'b::2', 'b::3'], (): unknown[] => [1, made, 3])
    expect(values).toEqual([1, made, 3])
    expect(values[1]).toBe(made)
    expect(await cache.getMany(['b::1', 'b::2', 'b::3'])).toEqual([1, undefined, 3])
  })

  test('releases its lease at once, and waiters in other processes do not wait for each other', async () => {
    const { logger } = logged()
    const caches = Array.from({ length: 6 }, () => open({ logger }))
    const gates = caches.map(() => new Gate())
    const computing = (index: number) =>
      caches[index]!.getOrSet('d', async () => {
        await gates[index]!.pass()
        return new Decimal(index)
      })
    const first = computing(0)
    await gates[0]!.reached()
    const waiting = vi.spyOn(Wait.prototype, 'forEvent')
    const others = caches.slice(1).map((_, index) => computing(index + 1))
    await vi.waitFor(() => {
      const informed = waiting.mock.contexts.filter((_, call) => waiting.mock.calls[call]![0])
      expect(new Set(informed).size).toBe(5)
    })
    waiting.mockRestore()
    gates[0]!.open()
    // All of them compute before any has ended.
    for (const gate of gates.slice(1)) await gate.reached()
    for (const gate of gates.slice(1)) gate.open()
    expect((await Promise.all([first, ...others])).map(Number)).toEqual([0, 1, 2, 3, 4, 5])
  })

  test('leaves a stale value served, and is not computed again at each read', async () => {
    const { warnings, logger } = logged()
    const cache = open({ logger, strictValues: true })
    const options = { ttl: '20ms', grace: '1h' } as const
    await cache.getOrSet('s', () => 'old' as unknown, options)
    await becomesStale(cache, 's')
    const factory = vi.fn((): unknown => new Decimal(1))
    for (let read = 0; read < 10; read++) {
      expect(await cache.getOrSet('s', factory, options)).toBe('old')
      await vi.waitFor(() => expect(unstorable(cache)).toBe(1))
    }
    expect(factory).toHaveBeenCalledOnce()
    // No caller gets an error, so the warning alone shows it.
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('value is an instance of Decimal')
  })

  test('reaches a caller with a soft timeout, instead of the stale value', async () => {
    const cache = open({ logger: logged().logger })
    const options = { ttl: '20ms', grace: '1h', softTimeout: '10s' } as const
    await cache.getOrSet('s', () => 'old' as unknown, options)
    await becomesStale(cache, 's')
    const made = new Decimal(1)
    const strict = { ...options, strictValues: true, retryDelay: 1 }
    expect(await cache.getOrSet('s', () => made as unknown, strict)).toBe('old')
    await vi.waitFor(async () => {
      expect(await cache.getOrSet('s', () => made as unknown, options)).toBe(made)
    })
  })

  test('is refreshed early once, not at each read', async () => {
    const cache = open({ logger: logged().logger })
    const options = { ttl: '1h', earlyRefresh: { beta: 1e9 } } as const
    const slow = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      return 'old' as unknown
    }
    await cache.getOrSet('e', slow, options)
    const factory = vi.fn((): unknown => new Decimal(1))
    for (let read = 0; read < 10; read++) {
      expect(await cache.getOrSet('e', factory, options)).toBe('old')
      await vi.waitFor(() => expect(unstorable(cache)).toBe(1))
    }
    expect(factory).toHaveBeenCalledOnce()
  })

  test('is logged a hundred times at most, and a failing logger does not affect its caller', async () => {
    const { warnings, logger } = logged()
    const cache = open({ logger })
    for (let family = 0; family < 130; family++) await cache.getOrSet([`f${family}`], () => new Decimal(1))
    expect(warnings).toHaveLength(100)
    const throwing = open({
      logger: {
        warn() {
          throw new Error('disk full')
        },
      },
    })
    expect(Number(await throwing.getOrSet('k', () => new Decimal(1)))).toBe(1)
  })
})
