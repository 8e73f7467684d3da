import express from 'express'
import { expect } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { dashboard } from '../../src/dashboard/mount.js'
import { KeyedCacheError } from '../../src/errors.js'
import { eventually, withinAliveTime } from '../helpers/alive-time.js'
import { serve, type TestServer } from '../helpers/http.js'
import { STAFF, signIn } from '../helpers/sign-in.js'
import { BACK_WITHIN_MS, expectedOutcomes, type Fault } from './faults.js'
import { cellOf, KNOWN } from './known.js'
import {
  changesValues,
  OPERATIONS,
  type Operation,
  type Outcome,
  prepare,
  type Subject,
} from './operations.js'
import type { FaultTarget, StartTarget } from './target.js'

/** What an operation may take beyond its deadlines, and a deadline that is postponed once. */
const SLACK_MS = 500

const PREPARED_WITHIN_MS = 10_000

/** An operation with a cache of its own, so that the operations of one fault do not help or disturb each other. */
interface Cell {
  readonly operation: Operation
  readonly subject: Subject
  readonly keyPrefix: string
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
    await Promise.all(
      cells.map(({ subject }) => eventually(PREPARED_WITHIN_MS, () => prepare(subject.cache))),
    )
    for (const fault of faults) {
      await fault.begin(target)
      const met = await Promise.all(cells.map((cell) => problemOf(meet(cell, fault, throwOnStoreError))))
      await fault.end(target)
      const recovered = await Promise.all(cells.map((cell) => problemOf(recover(cell, fault, target))))
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
  return { operation, subject: { cache, ask }, keyPrefix, close }
}

function serveDashboard(cache: KeyedCache): Promise<TestServer> {
  const app = express()
  app.use(signIn(STAFF))
  app.use('/cache', dashboard(cache))
  return serve(app)
}

/** Calls the operation while the fault lasts. */
async function meet({ operation, subject }: Cell, fault: Fault, throwing: boolean): Promise<void> {
  const { deadlines = 1 } = operation
  const boundMs = deadlines * 2 * fault.storeTimeoutMs + SLACK_MS
  const outcome = await withinAliveTime(
    boundMs,
    outcomeOf(() => operation.run(subject)),
    operation.name,
  )
  expect(outcome).toBeOneOf([...expectedOutcomes(operation, fault, throwing)])
  if (operation.name === 'check' && fault.message !== undefined) {
    await expect(subject.cache.check()).rejects.toThrow(fault.message)
  }
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
  if (operation.ends) return
  await eventually(backWithinMs, async () => {
    expect(cache.pendingInvalidations, 'pending invalidations').toBe(0)
    await cache.check()
  })
  if (operation.invalidates) await expectGone(operation.invalidates, keyPrefix, target)
  await eventually(backWithinMs, async () => {
    if (changesValues(operation)) await prepare(cache)
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
