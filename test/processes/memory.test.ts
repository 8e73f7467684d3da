import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { STALENESS_BOUND_MS } from '../../src/store/tracking.js'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { killMembersAfterEach, type Member, startMembers } from './crew.js'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
killMembersAfterEach()

/** Reads until its memory answers. */
async function remembers(member: Member, path: string): Promise<void> {
  const { processHits } = await member.run('stats')
  while ((await member.run('stats')).processHits === processHits) await member.run('get', { path })
}

describe('Processes with process memory', () => {
  test('serve no outdated value after they were stopped for longer than the bound', async () => {
    const options = { redis: server.url, keyPrefix: 'stopped' }
    const [stopped] = (await startMembers(1, { ...options, memory: {} })) as [Member]
    const [other] = (await startMembers(1, options)) as [Member]
    for (let round = 0; round < 3; round++) {
      await other.run('obtain', { way: 'getOrSet', id: `${round}`, value: 'old' })
      const path = `products::tools::${round}`
      await remembers(stopped, path)
      stopped.pause()
      await other.run('invalidate', {
        how: 'a delete',
        path: ['products', 'tools', `${round}`],
        value: undefined,
      })
      // It is asked as soon as it goes on, whatever its sockets hold by then.
      const answer = stopped.run('get', { path })
      await pause(STALENESS_BOUND_MS + 50)
      stopped.resume()
      expect(await answer).toBeUndefined()
      expect(await stopped.run('get', { path })).toBeUndefined()
    }
  })

  test('receive deletes of other processes within milliseconds, in any number', async () => {
    const options = { redis: server.url, keyPrefix: 'many', memory: {} }
    const members = await startMembers(4, options)
    const path = 'products::tools::1'
    for (let round = 0; round < 5; round++) {
      const writer = members[round % members.length] as Member
      await writer.run('obtain', { way: 'getOrSet', id: '1', value: round })
      await Promise.all(members.map((member) => remembers(member, path)))
      await writer.run('invalidate', { how: 'a delete', path: ['products', 'tools', '1'], value: undefined })
      // In the process of the delete it takes effect at once.
      expect(await writer.run('get', { path })).toBeUndefined()
      const deleted = performance.now()
      await Promise.all(
        members.map(async (member) => {
          while ((await member.run('get', { path })) !== undefined) await pause(1)
        }),
      )
      expect(performance.now() - deleted).toBeLessThan(STALENESS_BOUND_MS)
    }
  })
})
