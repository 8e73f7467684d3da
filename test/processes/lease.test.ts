import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Lease, parseLease } from '../../src/entry/lease.js'
import { CacheKey } from '../../src/key/cache-key.js'
import type { Figures } from '../../src/stats/metrics.js'
import { RedisStore } from '../../src/store/redis/redis-store.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { killMembersAfterEach, type Member, startMembers } from './crew.js'

let server: RedisServer
let witness: RedisStore
let keyPrefix = ''
let prefixes = 0
beforeAll(async () => {
  server = await startRedis()
})
beforeEach(() => {
  keyPrefix = `lease:${++prefixes}`
  witness = new RedisStore({ redis: server.url, keyPrefix, timeoutMs: 2_000, connectTimeoutMs: 2_000 })
})
afterEach(() => witness.close())
afterAll(() => server.stop())
killMembersAfterEach()

const start = (count: number, user: object = {}) => {
  const redis = { host: '127.0.0.1', port: server.port, ...user }
  return startMembers(count, { redis, keyPrefix, timeouts: { store: '2s' } })
}

/** A user of Redis with all rights except publish and subscribe. */
const MUTE = { username: 'mute', password: 'secret' }
async function allowMute(): Promise<void> {
  const admin = new Redis(server.url)
  await admin.call('ACL', 'SETUSER', MUTE.username, 'on', `>${MUTE.password}`, '~*', '+@all', 'resetchannels')
  admin.disconnect()
}

/** The lease of a key as it stands in Redis, and the time there. */
async function lease(key: string): Promise<(Lease & { readonly isLapsed: boolean }) | undefined> {
  const { lease, now } = await witness.peek(CacheKey.from(key))
  const parsed = lease ? parseLease(lease) : undefined
  return parsed && { ...parsed, isLapsed: parsed.lapsesAt <= now }
}

/** How a process says that its value was refused, since its lease was lost. */
const LOST = 'and its lease of 500 ms was not renewed in time'

const soon = { timeout: 10_000, interval: 5 }

/** Resolves when `callers` callers of these processes wait for a computation of another process. */
async function waiting(members: readonly Member[], key: string, callers: number): Promise<void> {
  await vi.waitFor(async () => expect(await sum(members, 'waits')).toBe(callers), soon)
  await vi.waitFor(async () => expect((await lease(key))?.awaited).toBe(true), soon)
}

async function sum(
  members: readonly Member[],
  figure: Exclude<keyof Figures, 'missesBy' | 'latency'>,
): Promise<number> {
  const stats = await Promise.all(members.map((member) => member.run('stats')))
  return stats.reduce((total, figures) => total + figures[figure], 0)
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] as number
const clock = () => Number(process.hrtime.bigint()) / 1e6

describe('A process that is killed in the middle of its factory', () => {
  for (const [leaseMs, options] of [
    [1_000, { leaseTime: '1s' }],
    [5_000, {}],
  ] as const) {
    test(`is replaced by a waiter within its lease time of ${leaseMs} ms and 1 s`, async () => {
      const [holder, ...others] = (await start(3)) as [Member, Member, Member]
      const lost = holder.run('ask', { key: 'a::b', plan: { isHeld: true }, options })
      await holder.computing('a::b')
      const asking = others.map((other, index) =>
        other.run('ask', { key: 'a::b', plan: { value: `by ${index}` }, callers: 10, options }),
      )
      await waiting(others, 'a::b', 20)
      const killed = clock()
      await Promise.all([holder.kill(), expect(lost).rejects.toThrow('SIGKILL')])

      const outcomes = (await Promise.all(asking)).flatMap((one) => one.outcomes)
      expect(outcomes.filter(({ error }) => error !== undefined)).toEqual([])
      expect(new Set(outcomes.map(({ value }) => value)).size).toBe(1)
      const last = Math.max(...outcomes.map(({ at }) => at)) - killed
      console.log(`With ${leaseMs} ms, the last caller had the value ${last.toFixed(0)} ms after the kill`)
      expect(last).toBeLessThan(leaseMs + 1_000)
      expect(await sum(others, 'computations')).toBe(1)
      expect(await sum(others, 'takeovers')).toBe(1)
      expect(await sum(others, 'avoided')).toBe(19)
    })
  }
})

describe('A process that is blocked for longer than its lease', () => {
  const paused = async () => {
    const [holder, other] = (await start(2)) as [Member, Member]
    const options = { leaseTime: '500ms' } as const
    const own = holder.run('ask', { key: 'a::b', plan: { value: 'old', isHeld: true }, options })
    await holder.computing('a::b')
    holder.pause()
    return { holder, other, own, options }
  }

  test('cannot commit over the value of another process, and its own caller still gets its value', async () => {
    const { holder, other, own, options } = await paused()
    const { outcomes } = await other.run('ask', { key: 'a::b', plan: { value: 'new' }, options })
    expect(outcomes).toMatchObject([{ value: 'new' }])
    expect(await other.run('stats')).toMatchObject({ takeovers: 1, computations: 1, fencedCommits: 0 })

    holder.resume()
    await holder.run('letGo', { key: 'a::b' })
    expect((await own).outcomes).toMatchObject([{ value: 'old' }])
    expect(await holder.run('stats')).toMatchObject({ computations: 1, fencedCommits: 1 })
    await holder.warned(LOST)
    for (const member of [holder, other]) expect(await member.run('get', { path: 'a::b' })).toBe('new')
  })

  test('cannot commit while another computes', async () => {
    const { holder, other, own, options } = await paused()
    const asking = other.run('ask', { key: 'a::b', plan: { value: 'new', isHeld: true }, options })
    await other.computing('a::b')

    holder.resume()
    await holder.run('letGo', { key: 'a::b' })
    expect((await own).outcomes).toMatchObject([{ value: 'old' }])
    await holder.warned(LOST)
    expect(await other.run('get', { path: 'a::b' })).toBeUndefined()
    await other.run('letGo', { key: 'a::b' })
    expect((await asking).outcomes).toMatchObject([{ value: 'new' }])
    expect(await holder.run('stats')).toMatchObject({ fencedCommits: 1 })
    for (const member of [holder, other]) expect(await member.run('get', { path: 'a::b' })).toBe('new')
  })

  test('commits when no other process has taken over', async () => {
    const { holder, other, own } = await paused()
    await vi.waitFor(async () => expect((await lease('a::b'))?.isLapsed).toBe(true), soon)
    holder.resume()
    await holder.run('letGo', { key: 'a::b' })
    expect((await own).outcomes).toMatchObject([{ value: 'old' }])
    expect(await holder.run('stats')).toMatchObject({ computations: 1, fencedCommits: 0 })
    for (const member of [holder, other]) expect(await member.run('get', { path: 'a::b' })).toBe('old')
  })

  test('cannot commit when another process has invalidated the key meanwhile', async () => {
    const { holder, other, own } = await paused()
    await vi.waitFor(async () => expect((await lease('a::b'))?.isLapsed).toBe(true), soon)
    await other.run('invalidate', { how: 'a delete', path: ['a', 'b'], value: undefined })
    holder.resume()
    await holder.run('letGo', { key: 'a::b' })
    expect((await own).outcomes).toMatchObject([{ value: 'old' }])
    expect(await holder.run('stats')).toMatchObject({ computations: 1, fencedCommits: 1 })
    expect(await other.run('get', { path: 'a::b' })).toBeUndefined()
  })
})

describe('A factory', () => {
  test('that takes three times the lease time is not run twice while its process lives', async () => {
    const members = await start(3)
    const options = { leaseTime: '1s' } as const
    const asked = await Promise.all(
      members.map((member) =>
        member.run('ask', { key: 'a::b', plan: { value: 'once', ms: 3_200 }, callers: 5, options }),
      ),
    )
    expect(new Set(asked.flatMap(({ outcomes }) => outcomes.map(({ value }) => value)))).toEqual(
      new Set(['once']),
    )
    expect(await sum(members, 'computations')).toBe(1)
    expect(await sum(members, 'takeovers')).toBe(0)
    expect(await sum(members, 'fencedCommits')).toBe(0)
    expect(await members[0]?.run('get', { path: 'a::b' })).toBe('once')
  })

  test('that never ends is abandoned after the wait timeout, and a waiter computes', async () => {
    const [holder, ...others] = (await start(4)) as [Member, ...Member[]]
    const options = { waitTimeout: '1s' } as const
    const [asked, about] = [clock(), { key: 'a::b', options }]
    // The process of the factory does not wait for another.
    await Promise.race([holder.computing('a::b'), holder.run('ask', { ...about, plan: { isHeld: true } })])
    const plan = { value: 'helped', ms: 300 }
    const asking = [holder, ...others].map((member) => member.run('ask', { ...about, plan, callers: 5 }))
    const outcomes = (await Promise.all(asking)).flatMap((one) => one.outcomes)
    await holder.aborted('a::b')

    expect(outcomes.map(({ value }) => value)).toEqual(Array(20).fill('helped'))
    const last = Math.max(...outcomes.map(({ at }) => at)) - asked
    console.log(`The last caller was helped ${last.toFixed(0)} ms after a factory began that never ends`)
    expect(last).toBeLessThan(1_000 + 300 + 2_000)
    // Begun, not ended: the endless one is not counted.
    expect(await sum([holder, ...others], 'computations')).toBe(1)
    expect(await others[0]?.run('get', { path: 'a::b' })).toBe('helped')
  })

  test('that throws rejects all waiters of its process with the same error, and wakes the others at once', async () => {
    const [holder, ...others] = (await start(3)) as [Member, Member, Member]
    const failing = holder.run('ask', {
      key: 'a::b',
      plan: { failure: 'no database', isHeld: true },
      callers: 10,
    })
    await holder.computing('a::b')
    const asking = others.map((other, index) =>
      other.run('ask', { key: 'a::b', plan: { value: `by ${index}` }, callers: 10 }),
    )
    await waiting(others, 'a::b', 20)
    const threw = await holder.run('letGo', { key: 'a::b' })

    const { outcomes, errors } = await failing
    expect(outcomes.map(({ error }) => error)).toEqual(Array(10).fill('Error: no database'))
    expect(errors).toBe(1)
    const helped = (await Promise.all(asking)).flatMap((one) => one.outcomes)
    expect(new Set(helped.map(({ value }) => value)).size).toBe(1)
    const last = Math.max(...helped.map(({ at }) => at)) - threw
    console.log(`The last caller elsewhere had a value ${last.toFixed(1)} ms after the factory threw`)
    // By itself it would have looked again after a second, and taken over after five.
    expect(last).toBeLessThan(500)
    expect(await holder.run('stats')).toMatchObject({ computations: 1, failedComputations: 1 })
    expect(await sum(others, 'computations')).toBe(1)
    expect(await sum(others, 'takeovers')).toBe(0)
  })
})

describe('A waiter for another process', () => {
  /** How long after a factory had ended a caller in another process had its value, for some keys. */
  const wakings = async ([holder, other]: readonly Member[], keys: number) => {
    const took: number[] = []
    for (let index = 0; index < keys; index++) {
      const key = `waking::${index}`
      const own = holder?.run('ask', { key, plan: { value: key, isHeld: true } })
      await holder?.computing(key)
      const asking = other?.run('ask', { key, plan: { value: 'not this' } })
      await waiting(other ? [other] : [], key, index + 1)
      const ended = (await holder?.run('letGo', { key })) ?? Number.NaN
      const [outcome] = (await asking)?.outcomes ?? []
      expect(outcome?.value).toBe(key)
      took.push((outcome?.at ?? Number.NaN) - ended)
      await own
    }
    return took
  }

  test('is woken within milliseconds of the commit', async () => {
    const took = await wakings(await start(2), 20)
    console.log(
      `Woken after ${median(took).toFixed(1)} ms (median), ${Math.max(...took).toFixed(1)} ms at most`,
    )
    // By itself it would look once a second.
    expect(median(took)).toBeLessThan(25)
  })

  for (const [mute, { holderIs, othersAre }] of Object.entries({
    'nobody may': { holderIs: MUTE, othersAre: MUTE },
    'who computes may not': { holderIs: MUTE, othersAre: undefined },
    'who waits may not': { holderIs: undefined, othersAre: MUTE },
  })) {
    test(`polls when ${mute} use the channel`, async () => {
      await allowMute()
      const [holder] = (await start(1, holderIs)) as [Member]
      const others = await start(2, othersAre)
      const own = holder.run('ask', { key: 'a::b', plan: { value: 'seen', isHeld: true } })
      await holder.computing('a::b')
      const asking = others.map((other) =>
        other.run('ask', { key: 'a::b', plan: { value: 'not this' }, callers: 10 }),
      )
      await vi.waitFor(async () => expect(await sum(others, 'waits')).toBe(20), soon)
      if (!othersAre) await waiting(others, 'a::b', 20)
      const ended = await holder.run('letGo', { key: 'a::b' })
      const outcomes = (await Promise.all([own, ...asking])).flatMap((one) => one.outcomes)
      expect(outcomes.map(({ value }) => value)).toEqual(Array(21).fill('seen'))
      const last = Math.max(...outcomes.map(({ at }) => at)) - ended
      console.log(`Without its channel the last caller saw the value after ${last.toFixed(0)} ms`)
      expect(last).toBeLessThan(3_000)
      expect(await sum([holder, ...others], 'computations')).toBe(1)
      expect(await sum([holder], 'fencedCommits')).toBe(0)
      // A commit takes effect although it cannot be published.
      await holder.run('invalidate', {
        how: 'a delete of an ancestor with children',
        path: ['a', 'b'],
        value: 0,
      })
      for (const other of others) expect(await other.run('get', { path: 'a::b' })).toBeUndefined()
    })
  }
})
