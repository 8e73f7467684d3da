import type { Statistics } from './statistics.js'
import type { Store } from './store.js'

/** Names of the methods of `T` that return a promise. */
type OperationOf<T> = {
  [Name in keyof T]-?: NonNullable<T[Name]> extends (...args: never[]) => Promise<unknown> ? Name : never
}[keyof T] &
  string

type OwnOperation = Exclude<OperationOf<Store>, 'close'>

/** Name of an operation of a store, or of its statistics: `'write'`, `'statistics.report'`. */
export type StoreOperation = OwnOperation | `statistics.${OperationOf<Statistics>}`

/**
 * Runs one operation of a store: calls `proceed` once, several times or never, and returns what the caller gets.
 * `args` are the arguments of the operation.
 */
export type Around = <T>(
  operation: StoreOperation,
  proceed: () => Promise<T>,
  args: readonly unknown[],
) => Promise<T>

/** A type error where an operation of the interface is missing, or is listed as required although it is optional. */
const OPERATIONS: {
  readonly [Name in OwnOperation]: undefined extends Store[Name] ? 'optional' : 'required'
} = {
  read: 'required',
  observe: 'required',
  write: 'required',
  remove: 'required',
  expire: 'required',
  clear: 'required',
  acquire: 'required',
  renew: 'required',
  commit: 'required',
  release: 'required',
  peek: 'required',
  list: 'required',
  check: 'required',
  usage: 'optional',
  secret: 'optional',
}

const STATISTICS: { readonly [Name in OperationOf<Statistics>]: 'required' } = {
  report: 'required',
  figures: 'required',
  history: 'required',
  events: 'required',
  requests: 'required',
  keyHistories: 'required',
}

/** Members that are no operations; a type error where one of the interface is missing. */
type OtherMembers = { readonly [Name in Exclude<keyof Store, OwnOperation>]: Store[Name] | undefined }

/** Methods that every store must have. */
const STORE_METHODS = [
  ...(Object.keys(OPERATIONS) as OwnOperation[]).filter((name) => OPERATIONS[name] === 'required'),
  ...(['watch', 'close'] as const),
]

/** The names of methods that a store lacks, those of its statistics included. */
export function missingMethods(store: Store): string[] {
  const { statistics } = store
  const own = STORE_METHODS.filter((name) => typeof store[name] !== 'function')
  if (statistics === undefined) return own
  const names = Object.keys(STATISTICS) as OperationOf<Statistics>[]
  const ofStatistics = names.filter((name) => typeof statistics[name] !== 'function')
  return [...own, ...ofStatistics.map((name) => `statistics.${name}`)]
}

/**
 * A store each of whose operations, those of its statistics included, runs through `around`: for a deadline, a circuit
 * breaker or a test. `watch`, `close`, `tracking` and `health` are the store's own.
 */
export function wrapStore(store: Store, around: Around): Store {
  const { statistics } = store
  const others: OtherMembers = {
    description: store.description,
    shared: store.shared,
    statistics: statistics && wrapOperations(statistics, STATISTICS, 'statistics.', around),
    tracking: store.tracking,
    health: store.health,
    watch: (key, wake) => store.watch(key, wake),
    close: () => store.close(),
  }
  const present = Object.entries(others).filter(([, member]) => member !== undefined)
  return { ...wrapOperations(store, OPERATIONS, '', around), ...Object.fromEntries(present) }
}

/** Copies the operations of `target`, each run through `around`. One that `target` lacks is left out. */
function wrapOperations<T extends object>(
  target: T,
  names: Readonly<Record<string, string>>,
  prefix: string,
  around: Around,
): T {
  const wrapped: Record<string, unknown> = {}
  const operations = target as Record<string, ((...args: unknown[]) => Promise<unknown>) | undefined>
  for (const name of Object.keys(names)) {
    if (operations[name] === undefined) continue
    const operation = `${prefix}${name}` as StoreOperation
    // Looked up at each call: a store may replace its methods.
    wrapped[name] = (...args: unknown[]) => around(operation, async () => operations[name]?.(...args), args)
  }
  return wrapped as T
}
