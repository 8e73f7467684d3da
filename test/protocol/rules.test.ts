import { describe, test } from 'vitest'
import { useRedis } from '../helpers/use-redis.js'
import { type Caller, type Configuration, type Operation, World } from './world.js'

/**
 * The rules of the protocol, each with the callers for which a weaker rule fails: docs/decisions/0018 names the rules and
 * how each of these tests was seen to fail. Every script, every read of one name and every answer is a step, and the steps
 * are taken in any order. `SEED` repeats one order, `RUNS` sets their number for each configuration.
 */
const RUNS = Number(process.env.RUNS ?? (process.env.SOAK ? 200 : 1))
const SEED = process.env.SEED === undefined ? undefined : Number(process.env.SEED)

const redis = useRedis()

type Stores = readonly Configuration['store'][]
type KnownGenerations = readonly Configuration['known'][]

const one = (...operations: Operation[]): Caller => ({ process: 0, operations })
const two = (...operations: Operation[]): Caller => ({ process: 1, operations })

const then = (first: Caller, next: Caller): Caller => ({ ...first, next })

/** Every combination of callers, stores and knowledge. */
function each(
  callers: readonly (readonly Caller[])[],
  stores: Stores,
  known: KnownGenerations = ['true'],
  maxRuns?: number,
): Configuration[] {
  return callers.flatMap((some) =>
    stores.flatMap((store) =>
      known.map((what) => ({
        callers: some,
        store,
        known: what,
        ...(maxRuns !== undefined && { maxRuns }),
      })),
    ),
  )
}

const HARD: readonly Operation[] = [['delete', 'b'], ['delete tree'], ['clear']]
const SOFT: readonly Operation[] = [['expire', 'b'], ['expire tree']]
const TREES: readonly Operation[] = [['delete tree'], ['expire tree'], ['clear']]
const NEAR: readonly Operation[] = [['delete tree'], ['expire tree'], ['delete', 'b']]
const SET: Operation = ['set', 'b']
const GET: Operation = ['get', 'b']
const COMPUTE: Operation = ['getOrSet', 'b']
const SERVE: Operation = ['serve', 'b']
const FILL: Operation = ['fill', 'b']
const EVICT: Operation = ['evict']
const CHANGE: Operation = ['change']

const RULES: Readonly<Record<string, readonly Configuration[]>> = {
  'a hit has all generations, read in any order': each(
    [...HARD, ...SOFT, SET].flatMap((change) => [
      [one(GET), two(CHANGE, change, GET), one(SET)],
      [one(GET, GET), two(CHANGE, change, COMPUTE)],
      [one(EVICT), two(CHANGE, change, GET, GET)],
    ]),
    ['warm', 'generations', 'empty', 'lost'],
  ),
  'a commit needs its token, and has the generations that it started from': each(
    [...HARD, ...SOFT, SET].flatMap((change) => [
      [one(COMPUTE), two(CHANGE, change, GET)],
      [one(SERVE), two(CHANGE, change, SERVE)],
    ]),
    ['generations', 'warm', 'dead', 'empty'],
  ),
  'a fill needs what was observed, and has the generations that were observed': each(
    [...HARD, ...SOFT, SET].map((change) => [one(FILL), two(CHANGE, change, GET)]),
    ['generations', 'empty', 'dead', 'lost', 'warm'],
  ),
  'a fill or a marker replaces a value only if it was found dead by generations read after it': each(
    TREES.flatMap((change) => [
      [one(FILL), two(change, SET)],
      [one(FILL), two(change), two(SET)],
    ]),
    ['warm', 'generations', 'dead', 'lost'],
    ['true', 'none'],
  ),
  'a fill ends the lease': each(
    NEAR.map((change) => [one(FILL), two(change), two(COMPUTE)]),
    ['warm', 'generations', 'empty'],
  ),
  'a computation replaces a value only if it was found dead by generations read after it': each(
    [...TREES, ['delete', 'b'] as const].flatMap((change) => [
      [one(COMPUTE), two(change, SET)],
      [one(COMPUTE), two(change), two(SET)],
    ]),
    ['warm', 'generations', 'dead', 'lost'],
    ['true', 'none'],
  ),
  'a caller joins a flight that has asked after the call, or whose lease is current': each(
    [
      ...[...HARD, ...SOFT].map((change) => [one(COMPUTE), then(two(CHANGE, change), one(COMPUTE))]),
      ...[...HARD, ...SOFT].map((change) => [one(COMPUTE), one(COMPUTE), two(CHANGE, change)]),
      ...[['delete tree'] as const, ['clear'] as const].map((change) => [
        one(COMPUTE),
        then(two(SET, CHANGE, change), one(COMPUTE)),
      ]),
    ],
    ['warm', 'generations', 'empty'],
  ),
  'a flight that looks again asks with the first of its reads': each(
    NEAR.map((change) => [one(COMPUTE), two(COMPUTE), then(two(CHANGE, change), one(COMPUTE))]),
    ['generations'],
  ),
  'a void lease is taken over, and no other': each(
    TREES.map((change) => [one(COMPUTE), two(COMPUTE), two(change, COMPUTE)]),
    ['generations', 'empty', 'dead'],
    ['true'],
    3,
  ),
  'without changes there is one computation': each(
    [
      [one(COMPUTE), two(COMPUTE), one(COMPUTE)],
      [one(COMPUTE), two(COMPUTE), two(COMPUTE)],
    ],
    ['empty', 'generations', 'dead', 'lost'],
    ['true'],
    1,
  ),
  'a plain write that resolves to true can be read': each(
    [...HARD, ...SOFT].flatMap((change) => [
      [one(SET), two(change, GET)],
      [one(change, SET), two(FILL)],
      [one(change, SET), two(COMPUTE)],
      [one(SET), two(GET)],
    ]),
    ['generations', 'warm', 'empty'],
    ['true', 'old', 'oldest', 'none'],
  ),
  'a plain write does not undo a later invalidation of its process': each(
    [...HARD, ...SOFT, SET].map((change) => [one(SET), one(change)]),
    ['generations', 'warm', 'empty'],
    ['true', 'old', 'none'],
  ),
  'a delete with children says that something was there if it could be read': each(
    [
      [one(SET), two(['delete tree'])],
      [one(FILL), two(['delete tree'])],
      [one(COMPUTE), two(['delete tree'])],
    ],
    ['generations', 'empty'],
    ['true', 'old', 'none'],
  ),
}

describe.each(Object.entries(RULES))('%s', (_rule, configurations) => {
  test(`in ${configurations.length} configurations`, { timeout: 600_000 }, async () => {
    for (const configuration of configurations) {
      for (let run = 0; run < RUNS; run++) {
        const seed = SEED ?? Math.floor(Math.random() * 2 ** 31)
        try {
          await new World(redis.server.url, configuration, seed).run()
        } catch (error) {
          const { callers, store, known } = configuration
          const what = callers.map((caller) => JSON.stringify(caller))
          throw new Error(`SEED=${seed}, store ${store}, known ${known}, ${what.join(' | ')}`, {
            cause: error,
          })
        }
      }
    }
  })
})
