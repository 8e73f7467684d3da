import express from 'express'
import { expect } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { dashboard } from '../../src/dashboard/mount.js'
import { KeyedCacheError } from '../../src/errors.js'
import { STALENESS_BOUND_MS } from '../../src/store/tracking.js'
import { eventually, withinAliveTime } from '../helpers/alive-time.js'
import { serve, type TestServer } from '../helpers/http.js'
import { STAFF, signIn } from '../helpers/sign-in.js'
import { BACK_WITHIN_MS, expectedOutcomes, type Fault } from './fault.js'
import { cellOf, KNOWN } from './known.js'
import type { Operation, Outcome, Subject } from './operation.js'
import { changesValues, OPERATIONS } from './operations.js'
import { prepare } from './prepared-values.js'
import type { FaultTarget, StartTarget } from './target.js'

/** What an operation may take beyond its deadlines, and a deadline that is postponed once. */
const SLACK_MS = 500

/** Time after which no invalidation is pending: they are repeated at intervals of five seconds at most. */
const REPEATED_WITHIN_MS = 7_000

const QUIET = { warn() {} }

const READY_WITHIN_MS = 10_000

/** An operation with a cache of its own, so that the operations of one fault do not help or disturb each other. */
interface Cell {
  readonly operation: Operation
  readonly subject: Subject
  /** A cache of the same entries in another process, which no proxy disturbs. */
  readonly other: KeyedCache
  /** What that process does during the fault. */
  meanwhile?: Promise<unknown> | undefined
  close(): Promise<void>
}

export interface FaultOptions {
  /** Option of the caches. @default false */
  readonly throwOnStoreError?: boolean
}

/**
 * Makes faults, one after the other. During each it calls every operation, and afterwards it checks the promises:
 * 1. The operation settles in time, as it is documented.
 * 2. The cache serves again soon after the fault.
 * 3. No invalidation is lost: no process reads what was invalidated, or overwritten, meanwhile.
 *
 * Rejects with the cells that break a promise, unless they are known, and with those that are known and do not.
 */
export async function runFaults(
  faults: readonly Fault[],
  start: StartTarget,
  { throwOnStoreError = false }: FaultOptions = {},
): Promise<void> {
  const [first] = faults as [Fault]
  const target = await start({ readsCommands: first.readsCommands === true })
  const operations = faults.length === 1 ? OPERATIONS : OPERATIONS.filter(({ ends }) => !ends)
  const cells = operations.map((operation, index) =>
    openCell(operation, index, first, target, throwOnStoreError),
  )
  const wrong: string[] = []
  try {
    for (const fault of faults) {
      await Promise.all(cells.map((cell) => makeReady(cell, fault === first)))
      await fault.begin(target)
      const met = await Promise.all(cells.map((cell) => problemOf(meet(cell, fault, throwOnStoreError))))
      await fault.end(target)
      const recovered = await Promise.all(cells.map((cell) => problemOf(recover(cell, fault))))
      for (const [index, { operation }] of cells.entries()) {
        const problems = [met[index], recovered[index]].filter((problem) => problem !== undefined)
        wrong.push(...verdictOn(cellOf(fault.name, operation.name), problems))
      }
      if (wrong.length > 0) break
    }
  } finally {
    await Promise.all(cells.map((cell) => cell.close()))
    await target.stop()
  }
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
}

/** Writes what the operation expects, unless it is there. */
async function makeReady({ operation, subject, other }: Cell, isFirst: boolean): Promise<void> {
  await eventually(READY_WITHIN_MS, async () => {
    if (isFirst || changesValues(operation)) await prepare(subject.cache)
    await other.check()
  })
  await operation.before?.(subject, other)
}

/** What is wrong with a cell, if it is not known. */
function verdictOn(cell: string, problems: readonly string[]): string[] {
  if (!(cell in KNOWN)) return problems.map((problem) => `${cell}\n${problem.replaceAll(/^/gm, '  ')}`)
  return problems.length === 0 ? [`${cell} is repaired: take it out of KNOWN.`] : []
}

async function problemOf(check: Promise<void>): Promise<string | undefined> {
  try {
    await check
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function openCell(
  operation: Operation,
  index: number,
  { storeTimeoutMs, redis }: Fault,
  target: FaultTarget,
  throwOnStoreError: boolean,
): Cell {
  const keyPrefix = `faults:${index}`
  const cache = createCache({
    redis: redis?.(target) ?? target.redis,
    keyPrefix,
    timeouts: { store: storeTimeoutMs },
    throwOnStoreError,
    logger: QUIET,
    ...operation.options,
  })
  const other = createCache({ redis: target.directly, keyPrefix, timeouts: { store: '1s' }, logger: QUIET })
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
    await Promise.all([cache.close(), other.close()])
    await (await site)?.close()
  }
  return { operation, subject: { cache, ask }, other, close }
}

function serveDashboard(cache: KeyedCache): Promise<TestServer> {
  const app = express()
  app.use(signIn(STAFF))
  app.use('/cache', dashboard(cache))
  return serve(app)
}

/** Calls the operation while the fault lasts. */
async function meet(cell: Cell, fault: Fault, throwing: boolean): Promise<void> {
  const { operation, subject, other } = cell
  const { name, deadlines = 1 } = operation
  cell.meanwhile = operation.meanwhile?.(other)
  putUnderLoad(subject.cache, fault.load)
  const boundMs = deadlines * 2 * fault.storeTimeoutMs + SLACK_MS
  const outcome = await withinAliveTime(boundMs, outcomeOf(operation, subject), name)
  expect(outcome).toBeOneOf([...expectedOutcomes(operation, fault, throwing)])
  if (name === 'check' && fault.message !== undefined) {
    // Between two attempts to connect there is no answer.
    const checked = () => expect(subject.cache.check()).rejects.toThrow(fault.message)
    await eventually(3_000, checked)
  }
}

/** Begins reads and writes of other keys, which the operation does not wait for. */
function putUnderLoad(cache: KeyedCache, load = 0): void {
  for (let index = 0; index < load; index++) {
    // With `throwOnStoreError` they reject.
    for (const begun of [cache.get(['load', index]), cache.set(['load', index], index)]) begun.catch(() => {})
  }
}

/** Checks that everything is as before once the fault is over. */
async function recover({ operation, subject, other, meanwhile }: Cell, fault: Fault): Promise<void> {
  const { backWithinMs = BACK_WITHIN_MS } = fault
  const { cache } = subject
  if (operation.ends) return
  await meanwhile
  await eventually(backWithinMs, () => cache.check())
  await eventually(REPEATED_WITHIN_MS, async () => {
    expect(cache.pendingInvalidations, 'pending invalidations').toBe(0)
  })
  if (operation.invalidates) {
    await eventually(operation.meanwhile ? REPEATED_WITHIN_MS : 0, async () => {
      expect(other.pendingInvalidations, 'pending invalidations of another process').toBe(0)
    })
    expect(await oldValues(operation, other), 'old values that another process reads').toEqual([])
    await eventually(operation.options?.memory ? STALENESS_BOUND_MS : 0, async () => {
      expect(await oldValues(operation, cache), 'old values').toEqual([])
    })
  }
  await eventually(backWithinMs, async () => {
    if (changesValues(operation)) await prepare(cache)
    await operation.before?.(subject, other)
    const expected = operation.varies ? [operation.served, operation.failed] : [operation.served]
    expect(await outcomeOf(operation, subject), 'once the fault is over').toBeOneOf(expected)
  })
}

async function oldValues({ invalidates = [] }: Operation, cache: KeyedCache): Promise<string[]> {
  const values = await cache.getMany(invalidates)
  return invalidates.filter((_, index) => JSON.stringify(values[index])?.includes('old'))
}

async function outcomeOf({ run }: Operation, subject: Subject): Promise<Outcome> {
  try {
    return { value: await run(subject) }
  } catch (error) {
    return { error: error instanceof KeyedCacheError ? error.code : error }
  }
}
