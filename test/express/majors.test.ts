import express from 'express/package.json' with { type: 'json' }
import ioredis from 'ioredis/package.json' with { type: 'json' }
import { expect, test } from 'vitest'
import { loadIoredis } from '../../src/store/redis/ioredis.js'

test('each Vitest project runs with the majors that it states', () => {
  const [expressMajor] = express.version.split('.')
  const [ioredisMajor] = ioredis.version.split('.')
  expect(`express ${expressMajor}, ioredis ${ioredisMajor}`).toBe(process.env.PEERS)
})

test('the sources load the same ioredis as the tests', async () => {
  const { Redis } = await import('ioredis')
  expect(loadIoredis().Redis).toBe(Redis)
})
