import { test } from 'vitest'

/** A row of a table of cases: the name for failures, and the argument of the check. */
export type Row<T> = readonly [name: string, value: T]

export interface RowOptions {
  /** Runs before each row. */
  readonly before?: () => unknown
  /** Runs after each row, also after one that failed. */
  readonly after?: () => unknown
  /** Milliseconds that a row may take. @default 20_000 */
  readonly rowTimeout?: number
  /** Runs the rows at the same time: for rows that mostly wait, and share nothing. @default false */
  readonly atOnce?: boolean
}

const ROW_TIMEOUT_MS = 20_000

/**
 * Defines one test that runs a check for each row, and names all rows that fail with their errors.
 *
 * `ROW='part of a name'` in the environment runs the rows with this text in their name alone.
 */
export function testRows<T>(
  title: string,
  rows: Iterable<Row<T>>,
  check: (value: T, name: string) => unknown,
  options: RowOptions = {},
): void {
  const all = [...rows]
  const { ROW } = process.env
  const chosen = ROW === undefined ? all : all.filter(([name]) => name.includes(ROW))
  const timeout = Math.max(1, chosen.length) * (options.rowTimeout ?? ROW_TIMEOUT_MS) + 5_000
  test.skipIf(chosen.length < all.length && chosen.length === 0)(title, { timeout }, () =>
    runRows(chosen, check, options),
  )
}

/** Rejects with all rows that fail, by name, or when there are no rows. */
export async function runRows<T>(
  rows: readonly Row<T>[],
  check: (value: T, name: string) => unknown,
  { before, after, rowTimeout = ROW_TIMEOUT_MS, atOnce = false }: RowOptions = {},
): Promise<void> {
  if (rows.length === 0) throw new Error('The table has no rows.')
  const failures: Failure[] = []
  const run = async ([name, value]: Row<T>) => {
    try {
      await within(rowTimeout, async () => {
        try {
          await before?.()
          await check(value, name)
        } finally {
          await after?.()
        }
      })
    } catch (error) {
      failures.push({ name, error })
    }
  }
  let left = 0
  if (atOnce) await Promise.all(rows.map(run))
  else {
    for (const [index, row] of rows.entries()) {
      await run(row)
      // It may still run, and disturb the rows after it.
      if (!(failures.at(-1)?.error instanceof RowTimeout)) continue
      left = rows.length - index - 1
      break
    }
  }
  if (failures.length === 0) return
  const list = failures.map(({ name, error }) => `  ✗ ${name}\n${indented(error)}`)
  const title = `${failures.length} of ${rows.length} rows failed${left > 0 ? `, ${left} did not run` : ''}`
  // Not an AggregateError: of that Vitest shows the errors alone, without the names.
  throw new Error([`${title}:`, ...list].join('\n'), { cause: failures[0]?.error })
}

/** Rows of a list, each named by its JSON, or as given. */
export function named<T>(values: Iterable<T>, nameOf: (value: T) => string = toText): Row<T>[] {
  return [...values].map((value) => [nameOf(value), value] as const)
}

function toText(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}

interface Failure {
  readonly name: string
  readonly error: unknown
}

class RowTimeout extends Error {}

async function within(ms: number, run: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new RowTimeout(`The row took longer than ${ms} ms.`)), ms)
  })
  try {
    await Promise.race([run(), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Message, and where in the tests it was thrown. */
function indented(error: unknown): string {
  const { message = String(error), stack = '' } = error instanceof Error ? error : {}
  const place = stack.split('\n').find((line) => /\/test\/(?!helpers\/rows\.ts)/.test(line))
  const lines = [...message.split('\n').slice(0, 20), ...(place ? [place.trim()] : [])]
  return lines.map((line) => `      ${line}`).join('\n')
}
