import { expect, test } from 'vitest'
import { CacheNotRespondingError } from '../../src/errors.js'
import { ownDelayOf, withDeadline } from '../../src/store/deadline.js'

const never = new Promise<never>(() => {})

function hold(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test('a deadline is extended once for a process that was blocked, also when it is blocked again', async () => {
  const began = performance.now()
  const failing = expect(withDeadline(began + 50, never, 'Redis')).rejects.toThrow(CacheNotRespondingError)
  let holds = 0
  let isOver = false
  const again = () => {
    if (isOver) return
    holds++
    hold(120)
    setImmediate(again)
  }
  again()
  await failing
  isOver = true
  // The first hold passes the deadline, two or three more the quarter of a second that it is put off by.
  expect(holds).toBeLessThanOrEqual(6)
})

test('an error of a deadline has the delay of this process, if there was one', async () => {
  const failureOf = (deadline: number) =>
    withDeadline(deadline, never, 'Redis').catch((error: unknown) => error)
  const busy = failureOf(performance.now() + 10)
  hold(100)
  expect(ownDelayOf(await busy)).toBeGreaterThan(50)
  expect(ownDelayOf(new CacheNotRespondingError('down'))).toBe(0)
  expect(ownDelayOf(undefined)).toBe(0)
})

test('a reply that arrived while the process was blocked is accepted', async () => {
  const began = performance.now()
  const answer = new Promise((resolve) => setTimeout(resolve, 10, 'answer'))
  const reading = withDeadline(began + 20, answer, 'Redis')
  hold(80)
  expect(await reading).toBe('answer')
})
