import express from 'express/package.json' with { type: 'json' }
import ioredis from 'ioredis/package.json' with { type: 'json' }
import { expect, test } from 'vitest'

test('each Vitest project runs against the majors that it says', () => {
  const [expressMajor] = express.version.split('.')
  const [ioredisMajor] = ioredis.version.split('.')
  expect(`express ${expressMajor}, ioredis ${ioredisMajor}`).toBe(process.env.PEERS)
})
