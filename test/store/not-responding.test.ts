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
