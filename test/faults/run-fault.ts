import express from 'express'
import { expect } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { dashboard } from '../../src/dashboard/mount.js'
import { KeyedCacheError } from '../../src/errors.js'
import { eventually, withinAliveTime } from '../helpers/alive-time.js'
import { serve, type TestServer } from '../helpers/http.js'
import { STAFF, signIn } from '../helpers/sign-in.js'
import { BACK_WITHIN_MS, type Fault } from './faults.js'
import { cellOf, KNOWN } from './known.js'
import { OPERATIONS, type Operation, type Outcome, prepare, type Subject } from './operations.js'
import type { FaultTarget, StartTarget } from './target.js'

/** What an operation may take beyond its deadlines, and a deadline that is postponed once. */
const SLACK_MS = 500

/** An operation with a cache of its own, so that the operations of one fault do not help or disturb each other. */
interface Cell {
  readonly operation: Operation
  readonly subject: Subject
  readonly keyPrefix: string
  readonly problems: string[]
  close(): Promise<void>
}

/**
 * Makes a fault, calls every operation meanwhile, ends it, and checks the promises of each cell:
 * 1. The operation settles in time, as it is documented.
 * 2. The cache serves again soon after the fault.
 * 3. No invalidation is lost: no other process reads what was invalidated, or overwritten, meanwhile.
 * 4. No rejection is unhandled, and no client prints an error.
 *
 * Rejects with the cells that break a promise, unless they are known, and with those that are known and do not.
 */
export async function runFault(fault: Fault, start: StartTarget): Promise<void> {
  const target = await start({ readsCommands: fault.readsCommands === true })
  const escapes = watchForEscapes()
  let cells: Cell[] = []
  try {
    cells = OPERATIONS.map((operation, index) => openCell(operation, index, fault, target))
    await Promise.all(cells.map(({ subject }) => eventually(10_000, () => prepare(subject.cache))))
    await fault.begin(target)
    await Promise.all(cells.map((cell) => note(cell, () => meet(cell, fault))))
    await fault.end(target)
    await Promise.all(cells.map((cell) => note(cell, () => recover(cell, fault, target))))
  } finally {
    await Promise.all(cells.map((cell) => cell.close()))
    await target.stop()
    escapes.stop()
  }
  expect(escapes.found).toEqual([])
  report(cells, fault)
}

function openCell(
  operation: Operation,
  index: number,
  { storeTimeoutMs, redis }: Fault,
  target: FaultTarget,
): Cell {
  const keyPrefix = `faults:${index}`
  const cache = createCache({
    redis: redis?.(target) ?? target.redis,
    keyPrefix,
    timeouts: { store: storeTimeoutMs },
    logger: { warn() {} },
  })
  let site: Promise<TestServer> | undefined
  const ask: Subject['ask'] = async (path, form) => {
    site ??= serveDashboard(cache)
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' }
    const body = form && new URLSearchParams(form).toString()
    return await (await site).ask(
      `/cache${path}`,
      body === undefined ? {} : { method: 'POST', headers, body },
    )
  }
  const close = async () => {
    await cache.close()
    await (await site)?.close()
  }
  return { operation, subject: { cache, ask }, keyPrefix, problems: [], close }
}

function serveDashboard(cache: KeyedCache): Promise<TestServer> {
  const app = express()
  app.use(signIn(STAFF))
  app.use('/cache', dashboard(cache))
  return serve(app)
}

/** Adds what a check rejects with to the problems of a cell. */
async function note(cell: Cell, check: () => Promise<void>): Promise<void> {
  try {
    await check()
  } catch (error) {
    cell.problems.push(error instanceof Error ? error.message : String(error))
  }
}

/** Calls the operation while the fault lasts. */
async function meet({ operation, subject }: Cell, fault: Fault): Promise<void> {
  const isServed = operation.needs.every((need) => !fault.withholds.includes(need))
  const { deadlines = 1 } = operation
  const boundMs = deadlines * 2 * fault.storeTimeoutMs + SLACK_MS
  const outcome = await withinAliveTime(
    boundMs,
    outcomeOf(() => operation.run(subject)),
    operation.name,
  )
  expect(outcome).toEqual(isServed ? operation.served : operation.failed)
}

/** Checks that everything is as before once the fault is over. */
async function recover(
  { operation, subject, keyPrefix }: Cell,
  fault: Fault,
  target: FaultTarget,
): Promise<void> {
  // An invalidation is repeated after its own deadline only.
  const backWithinMs = (fault.backWithinMs ?? BACK_WITHIN_MS) + fault.storeTimeoutMs
  const { cache } = subject
  if (operation.name === 'close') return
  await eventually(backWithinMs, async () => {
    expect(cache.pendingInvalidations, 'pending invalidations').toBe(0)
    await cache.check()
  })
  if (operation.invalidates) await expectGone(operation.invalidates, keyPrefix, target)
  await eventually(backWithinMs, async () => {
    await prepare(cache)
    expect(await outcomeOf(() => operation.run(subject)), 'once the fault is over').toEqual(operation.served)
  })
}

/** Another process reads no old value. */
async function expectGone(keys: readonly string[], keyPrefix: string, target: FaultTarget): Promise<void> {
  const other = createCache({ redis: target.directly, keyPrefix, timeouts: { store: '10s' } })
  try {
    const values = await other.getMany(keys)
    const old = keys.filter((_, index) => JSON.stringify(values[index])?.includes('old'))
    expect(old, 'old values that another process reads').toEqual([])
  } finally {
    await other.close()
  }
}

async function outcomeOf(run: () => Promise<unknown>): Promise<Outcome> {
  try {
    return { value: await run() }
  } catch (error) {
    return { error: error instanceof KeyedCacheError ? error.code : error }
  }
}

/** Collects what no caller gets: unhandled rejections, warnings, and what ioredis prints where no one listens. */
function watchForEscapes() {
  const found: unknown[] = []
  const onEscape = (escaped: unknown) => void found.push(escaped)
  const { error } = console
  console.error = (...args: unknown[]) => void found.push(args)
  process.on('unhandledRejection', onEscape)
  process.on('warning', onEscape)
  return {
    found,
    stop() {
      console.error = error
      process.off('unhandledRejection', onEscape)
      process.off('warning', onEscape)
    },
  }
}

function report(cells: readonly Cell[], fault: Fault): void {
  const lines = cells.flatMap(({ operation, problems }) => {
    const cell = cellOf(fault.name, operation.name)
    const isKnown = cell in KNOWN
    if (isKnown && problems.length === 0) return [`${cell} is repaired: take it out of KNOWN.`]
    return isKnown ? [] : problems.map((problem) => `${cell}\n${indented(problem)}`)
  })
  if (lines.length > 0) throw new Error(lines.join('\n'))
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}
