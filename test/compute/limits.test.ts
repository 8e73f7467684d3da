import { expect, it, vi } from 'vitest'
import { ComputeCycleError } from '../../src/errors.js'
import { describeOnEveryBackend } from '../helpers/backends.js'
import { Gate } from './gate.js'

describeOnEveryBackend('A computation that takes too long', (open) => {
  it('is a ComputeTimeoutError for who set a hard timeout, and may be stored all the same', async () => {
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

  it('does not hold its key for ever: who waits helps himself', async () => {
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

  it('in the background leaves the key free to be refreshed again', async () => {
    const cache = open()
    const options = { ttl: '20ms', grace: '1h', waitTimeout: '50ms', leaseTime: '50ms' } as const
    await cache.getOrSet('bg', () => 'old', options)
    await vi.waitFor(async () => expect((await cache.inspect('bg')).state).toBe('stale'), { interval: 5 })
    const hanging = vi.fn(() => new Promise<string>(() => {}))
    expect(await cache.getOrSet('bg', hanging, options)).toBe('old')
    await vi.waitFor(async () => {
      expect(await cache.getOrSet('bg', () => 'new', { ...options, ttl: '1h' })).toBe('new')
    })
    expect(hanging).toHaveBeenCalledOnce()
  })

  it('is aborted when everyone who waited for it has gone', async () => {
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

describeOnEveryBackend('A computation that needs itself', (open) => {
  it('is an error that names the chain, not a deadlock', async () => {
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
      message: 'Computing "a" needs "b::1" needs "c" needs "a": nobody could ever finish that.',
    })
    expect(await cache.getOrSet('a', () => 1)).toBe(1)
  })

  it('also when the chain goes through several requests', async () => {
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
    // Whoever closes the ring is told; all others wait for that one, and get its error.
    for (const chain of chains) expect(chain).toHaveLength(4)
    for (const chain of chains) expect(chain[0]).toBe(chain[3])
    expect(await cache.getOrSet('ring::0', () => 'free')).toBe('free')
  })

  it('while caching is off too', async () => {
    const cache = open({ enabled: false })
    const needsItself = cache.getOrSet('a', () => cache.getOrSet('b', () => cache.getOrSet('a', () => 1)))
    await expect(needsItself).rejects.toThrow(ComputeCycleError)
  })

  it('and in a batch', async () => {
    const cache = open()
    const batch = cache.getOrSetMany(['a', 'b'], async () => [await cache.getOrSet('b', () => 1), 2])
    await expect(batch).rejects.toThrow(ComputeCycleError)
  })

  it('unless it is other work that merely began there', async () => {
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

  it('lets two that need a third share it', async () => {
    const cache = open()
    const shared = vi.fn(async () => 1)
    const needing = (key: string) =>
      cache.getOrSet(key, async () => 1 + (await cache.getOrSet('shared', shared)))
    expect(await Promise.all([needing('a'), needing('b')])).toEqual([2, 2])
    expect(shared).toHaveBeenCalledOnce()
  })
})
