import { expect, test, vi } from 'vitest'
import { createCache } from '../../src/create-cache.js'
import { ComputeCycleError } from '../../src/errors.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { becomesStale } from '../helpers/stale.js'
import { Gate } from './gate.js'

describeOnEveryBackend('A computation that takes too long', (open) => {
  test('rejects with ComputeTimeoutError after the hard timeout, and may still be stored', async () => {
    const cache = open()
    const gate = new Gate()
    const slow = async () => {
      await gate.pass()
      return 'at last'
    }
    const impatient = cache.getOrSet('slow', slow, { hardTimeout: 30 })
    const joining = cache.getOrSet('slow', slow, { hardTimeout: 20 })
    const patient = cache.getOrSet('slow', slow)
    for (const one of await Promise.allSettled([impatient, joining])) {
      expect(one).toMatchObject({
        reason: { name: 'ComputeTimeoutError', key: 'slow', code: 'ERR_KEYEDCACHE_COMPUTE_TIMEOUT' },
      })
    }
    gate.open()
    expect(await patient).toBe('at last')
    expect(await cache.get('slow')).toBe('at last')
  })

  test('does not block its key: a waiter computes after the wait timeout', async () => {
    const [cache, other] = [open(), open()]
    const options = { waitTimeout: '150ms', leaseTime: '100ms' } as const
    const signals: AbortSignal[] = []
    const hung = cache.getOrSet(
      'hung',
      ({ signal }) => {
        signals.push(signal)
        return new Promise<string>(() => {})
      },
      options,
    )
    await vi.waitFor(() => expect(signals).toHaveLength(1))
    const factory = vi.fn(async () => 'helped')
    const helped = await Promise.all([
      cache.getOrSet('hung', factory, options),
      other.getOrSet('hung', factory, options),
      cache.getOrSet('hung', factory, options),
    ])
    expect(helped).toEqual(['helped', 'helped', 'helped'])
    expect(factory).toHaveBeenCalledOnce()
    expect(signals[0]?.aborted).toBe(true)
    expect(await cache.get('hung')).toBe('helped')
    const state = await Promise.race([hung, Promise.resolve('still hung')])
    expect(state).toBe('still hung')
  })

  test('in the background does not prevent the next refresh', async () => {
    const cache = open()
    const options = { ttl: '20ms', grace: '1h', waitTimeout: '50ms', leaseTime: '50ms' } as const
    await cache.getOrSet('bg', () => 'old', options)
    await becomesStale(cache, 'bg')
    const hanging = vi.fn(() => new Promise<string>(() => {}))
    expect(await cache.getOrSet('bg', hanging, options)).toBe('old')
    await vi.waitFor(async () => {
      expect(await cache.getOrSet('bg', () => 'new', { ...options, ttl: '1h' })).toBe('new')
    })
    expect(hanging).toHaveBeenCalledOnce()
  })

  test('is aborted when all its callers have left', async () => {
    const cache = open()
    const [mine, yours] = [new AbortController(), new AbortController()]
    let seen: AbortSignal | undefined
    const factory = ({ signal }: { signal: AbortSignal }) => {
      seen = signal
      return new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const one = cache.getOrSet('gone', factory, { signal: mine.signal })
    const other = cache.getOrSet('gone', factory, { signal: yours.signal })
    await vi.waitFor(() => expect(seen).toBeDefined())
    mine.abort(new Error('the visitor has left'))
    await expect(one).rejects.toThrow('the visitor has left')
    expect(seen?.aborted).toBe(false)
    yours.abort(new Error('the other one too'))
    await expect(other).rejects.toThrow('the other one too')
    expect(seen?.aborted).toBe(true)
    expect(await cache.getOrSet('gone', () => 'back')).toBe('back')
    await expect(
      cache.getOrSet('x', () => 1, { signal: AbortSignal.abort(new Error('before')) }),
    ).rejects.toThrow('before')
  })
})

describeOnEveryBackend('A caller that leaves by its signal', (open) => {
  /** Ends only when it is aborted, and a moment after that. */
  const untilAborted = ({ signal }: { signal: AbortSignal }) =>
    new Promise<string>((_, reject) => {
      signal.addEventListener('abort', () => setTimeout(() => reject(signal.reason), 20))
    })
  /** Cares for its signal, but has no reason to end. */
  const fine = ({ signal }: { signal: AbortSignal }) => {
    signal.throwIfAborted()
    return 'value'
  }
  const leave = new Error('left')

  test('does not affect a later caller', async () => {
    const cache = open()
    const controller = new AbortController()
    const factory = vi.fn(untilAborted)
    const leaving = cache.getOrSet('k', factory, { signal: controller.signal })
    await vi.waitFor(() => expect(factory).toHaveBeenCalledOnce())
    controller.abort(leave)
    await expect(leaving).rejects.toBe(leave)
    expect(await cache.getOrSet('k', fine)).toBe('value')
  })

  test('while another process computes affects no other caller, and does not compute', async () => {
    const [cache, other] = [open(), open()]
    const gate = new Gate()
    const failing = other.getOrSet('k', async () => {
      await gate.pass()
      throw new Error('failed')
    })
    failing.catch(() => {})
    await gate.reached()
    const controller = new AbortController()
    const mine = vi.fn(fine)
    const leaving = cache.getOrSet('k', mine, { signal: controller.signal })
    await vi.waitFor(() => expect(cache.processStats().totals.waits).toBe(1))
    controller.abort(leave)
    await expect(leaving).rejects.toBe(leave)
    const staying = cache.getOrSet('k', fine)
    gate.open()
    expect(await staying).toBe('value')
    expect(mine).not.toHaveBeenCalled()
  })

  test('during the read of the store, has left', async () => {
    const cache = open()
    const controller = new AbortController()
    const factory = vi.fn(() => 'value')
    const leaving = cache.getOrSet('k', factory, { signal: controller.signal })
    controller.abort(leave)
    await expect(leaving).rejects.toBe(leave)
    expect(await cache.getOrSet('k', () => 'other')).toBe('other')
    expect(factory).not.toHaveBeenCalled()
  })

  test('causes no cached failure', async () => {
    const cache = open()
    const controller = new AbortController()
    const factory = vi.fn(untilAborted)
    const leaving = cache.getOrSet('k', factory, { signal: controller.signal, errorTtl: '1h' })
    await vi.waitFor(() => expect(factory).toHaveBeenCalledOnce())
    controller.abort(leave)
    await expect(leaving).rejects.toBe(leave)
    expect(await cache.getOrSet('k', () => 'fine', { errorTtl: '1h' })).toBe('fine')
  })

  test('may leave many calls by one signal, without a warning', async () => {
    const cache = open()
    const warnings: Error[] = []
    const listen = (warning: Error) => warnings.push(warning)
    process.on('warning', listen)
    const { signal } = new AbortController()
    const keys = Array.from({ length: 40 }, (_, n) => `k::${n}`)
    await cache.getOrSetMany(keys, (missing) => missing.map(() => 1), { signal })
    await Promise.all(keys.map((key) => cache.getOrSet(`${key}::x`, () => 1, { signal })))
    const others = keys.map(() => cache.getOrSet('one', () => 1, { signal: new AbortController().signal }))
    await Promise.all(others)
    await new Promise(setImmediate)
    process.off('warning', listen)
    expect(warnings).toEqual([])
  })

  test('may leave while caching is off, too', async () => {
    const cache = open({ enabled: false })
    const controller = new AbortController()
    const leaving = cache.getOrSet('k', untilAborted, { signal: controller.signal })
    controller.abort(leave)
    await expect(leaving).rejects.toBe(leave)
    await expect(cache.getOrSet('k', untilAborted, { hardTimeout: 10 })).rejects.toMatchObject({
      name: 'ComputeTimeoutError',
    })
    expect(cache.processStats().totals.missesBy).toEqual({ disabled: 2 })
  })
})

describeOnEveryBackend('Waiting', (open) => {
  test('ends at the wait timeout of the caller, also within one process', async () => {
    const [cache, other] = [open(), open()]
    const gate = new Gate()
    const slow = cache.getOrSet('k', async () => {
      await gate.pass()
      return 'slow'
    })
    await gate.reached()
    for (const one of [cache, other]) {
      expect(await one.getOrSet('k', () => 'helped', { waitTimeout: 50, leaseTime: 50 })).toBe('helped')
    }
    gate.open()
    expect(await slow).toBe('slow')
    expect(await other.get('k')).toBe('slow')
  })

  test('with a soft timeout includes the refresh of another process', async () => {
    const [cache, other] = [open(), open()]
    const options = { ttl: '20ms', grace: '1h', softTimeout: '10s' } as const
    await cache.getOrSet('k', () => 'old', options)
    await becomesStale(cache, 'k')
    const gate = new Gate()
    const refreshing = cache.getOrSet('k', async () => gate.pass().then(() => 'new'), {
      ...options,
      ttl: '1h',
    })
    await gate.reached()
    const waiting = other.getOrSet('k', () => 'not this', { ...options, ttl: '1h' })
    await vi.waitFor(() => expect(other.processStats().totals.waits).toBe(1))
    gate.open()
    expect(await Promise.all([refreshing, waiting])).toEqual(['new', 'new'])
  })

  test('ends when the cache is closed, and factories are aborted by their signal', async () => {
    const cache = open()
    let seen: AbortSignal | undefined
    const computing = cache.getOrSet('k', ({ signal }) => {
      seen = signal
      return abortedBy(signal)
    })
    computing.catch(() => {})
    await vi.waitFor(() => expect(seen).toBeDefined())
    await cache.close()
    await expect(computing).rejects.toThrow('The cache was closed')
  })

  function abortedBy(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
})

describeOnEveryBackend('A computation that needs itself', (open) => {
  test('rejects with the chain of keys, instead of a deadlock', async () => {
    const cache = open()
    await expect(cache.getOrSet('a', () => cache.getOrSet('a', () => 1))).rejects.toMatchObject({
      chain: ['a', 'a'],
    })
    const chain: Promise<number> = cache.getOrSet('a', () =>
      cache.getOrSet(['b', 1], () => cache.getOrSet('c', () => cache.getOrSet('a', () => 1))),
    )
    const error = await chain.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ComputeCycleError)
    expect(error).toMatchObject({
      code: 'ERR_KEYEDCACHE_COMPUTE_CYCLE',
      key: 'a',
      chain: ['a', 'b::1', 'c', 'a'],
      message:
        'A computation needs its own result: "a" needs "b::1" needs "c" needs "a". Compute what they share under a key of its own.',
    })
    expect(await cache.getOrSet('a', () => 1)).toBe(1)
  })

  test('rejects when the chain goes through several requests', async () => {
    const cache = open()
    const gates = [new Gate(), new Gate(), new Gate()]
    const request = (own: number) =>
      cache.withRequestMemory((bound) =>
        bound.getOrSet(`ring::${own}`, async () => {
          await gates[own]!.pass()
          return bound.getOrSet(`ring::${(own + 1) % 3}`, () => own)
        }),
      )
    const requests = [request(0), request(1), request(2)]
    const settled = Promise.allSettled(requests)
    for (const gate of gates) await gate.reached()
    for (const gate of gates) gate.open()
    const reasons = (await settled).map((one) => (one.status === 'rejected' ? one.reason : one.value))
    const chains = reasons.map((reason) => (reason as ComputeCycleError).chain)
    // The caller that closes the cycle gets the error; all others wait for it, and get the same error.
    for (const chain of chains) expect(chain).toHaveLength(4)
    for (const chain of chains) expect(chain[0]).toBe(chain[3])
    expect(await cache.getOrSet('ring::0', () => 'free')).toBe('free')
  })

  test('rejects while caching is off, too', async () => {
    const cache = open({ enabled: false })
    const needsItself = cache.getOrSet('a', () => cache.getOrSet('b', () => cache.getOrSet('a', () => 1)))
    await expect(needsItself).rejects.toThrow(ComputeCycleError)
  })

  test('rejects in a batch', async () => {
    const cache = open()
    const batch = cache.getOrSetMany(['a', 'b'], async () => [await cache.getOrSet('b', () => 1), 2])
    await expect(batch).rejects.toThrow(ComputeCycleError)
  })

  test('is not assumed for other work that was started there', async () => {
    const cache = open()
    let later: Promise<number> | undefined
    const gate = new Gate()
    await cache.getOrSet('a', () => {
      later = gate.pass().then(() => cache.getOrSet('a', () => 2))
      return 1
    })
    await cache.delete('a')
    gate.open()
    expect(await later).toBe(2)
  })

  test('includes work that was left running by a needed computation', async () => {
    const cache = open()
    const needsItself = (): Promise<number> =>
      cache.getOrSet('a', async () => {
        let leftOver: Promise<number> | undefined
        await cache.getOrSet('b', () => {
          leftOver = new Promise((resolve) => setTimeout(resolve, 5)).then(needsItself)
          leftOver.catch(() => {})
          return 1
        })
        return leftOver as Promise<number>
      })
    await expect(needsItself()).rejects.toThrow(ComputeCycleError)
  })

  test('is not assumed when another cache has a key of that name', async () => {
    const [near, far] = [open(), createCache({ store: 'memory' })]
    expect(await near.getOrSet('config', () => far.getOrSet('config', () => 'value'))).toBe('value')
    const load = async (id: number) => `row ${id}`
    expect(await near.cached(far.cached(load))(1)).toBe('row 1')
    await far.close()
  })

  test('lets two computations share a third', async () => {
    const cache = open()
    const shared = vi.fn(async () => 1)
    const needing = (key: string) =>
      cache.getOrSet(key, async () => 1 + (await cache.getOrSet('shared', shared)))
    expect(await Promise.all([needing('a'), needing('b')])).toEqual([2, 2])
    expect(shared).toHaveBeenCalledOnce()
  })
})
