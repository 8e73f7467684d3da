import { expect, test } from 'vitest'
import { asNotResponding } from '../../src/store/redis/not-responding.js'

test('the message of a Redis failure ends with one full stop, and has no arguments of the command', () => {
  expect(asNotResponding(new Error('Connection is closed.')).message).toBe(
    'Redis is not responding: Connection is closed.',
  )
  expect(
    asNotResponding(new Error("ERR unknown command 'AUTH', with args beginning with: 'pw'")).message,
  ).toBe("Redis is not responding: ERR unknown command 'AUTH'.")
})

test('a lost connection is named, and not the options of ioredis', () => {
  for (const message of [
    "Stream isn't writeable and enableOfflineQueue options is false",
    'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
  ]) {
    expect(asNotResponding(new Error(message))).toMatchObject({
      message: 'Redis is not responding: its connection was lost.',
      cause: { message },
    })
  }
})
