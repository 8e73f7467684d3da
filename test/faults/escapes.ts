import { afterAll, beforeAll, expect } from 'vitest'

const READY_CHECK = /^Skipping the ready check because INFO command fails/

/** Fails the file for what reaches no caller: unhandled rejections, warnings, and what ioredis prints for want of a listener. */
export function expectNoEscapes(): void {
  const found: unknown[] = []
  const onEscape = (escaped: unknown) => void found.push(escaped)
  const { error, warn } = console
  beforeAll(() => {
    // With `enableReadyCheck` ioredis warns of a user that may not run INFO, as docs/guide/redis.md says.
    console.warn = (...args: unknown[]) => void (READY_CHECK.test(String(args[0])) || found.push(args))
    console.error = (...args: unknown[]) => void found.push(args)
    process.on('unhandledRejection', onEscape)
    process.on('warning', onEscape)
  })
  afterAll(() => {
    Object.assign(console, { error, warn })
    process.off('unhandledRejection', onEscape)
    process.off('warning', onEscape)
    expect(found).toEqual([])
  })
}
