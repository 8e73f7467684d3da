import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { firstAnswer } from '../../../src/store/redis/cluster/first-answer.js'

const never = () => new Promise<string>(() => {})
const fail = (why: string) => async (): Promise<string> => {
  throw new Error(why)
}

test('The first answer counts, and no further node is asked then', async () => {
  const asked: string[] = []
  const answer = (name: string) => async () => {
    asked.push(name)
    return name
  }
  expect(await firstAnswer([answer('a'), answer('b')], 10)).toBe('a')
  await pause(30)
  expect(asked).toEqual(['a'])
})

test('The next node is asked at once where one has failed, and after a while where one is silent', async () => {
  const begin = performance.now()
  expect(await firstAnswer([fail('a'), fail('b'), async () => 'c'], 60_000)).toBe('c')
  expect(await firstAnswer([never, fail('b'), never, async () => 'd'], 20)).toBe('d')
  expect(performance.now() - begin).toBeLessThan(5_000)
})

test('A late answer counts as long as no other has come', async () => {
  const late = async () => {
    await pause(50)
    return 'late'
  }
  expect(await firstAnswer([late, fail('b')], 10)).toBe('late')
})

test('All errors are the reason where every node has failed', async () => {
  await expect(firstAnswer([fail('a'), fail('b')], 10)).rejects.toMatchObject({
    errors: [new Error('a'), new Error('b')],
  })
})
