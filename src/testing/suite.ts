import { ignore } from '../background.js'

/** A promise of a store, as one test: `run` rejects where it is broken. */
export interface StoreCheck {
  /** The promise, after the names of its groups. */
  readonly name: string
  run(): Promise<void>
}

type Step = () => unknown

/** Checks with common steps before and after each. */
interface CheckGroup {
  readonly names: readonly string[]
  readonly before: Step[]
  readonly after: Step[]
}

interface Writing {
  readonly checks: StoreCheck[]
  group: CheckGroup
  /** Ends with the check that runs: they share what their steps open, so each waits for the one before. */
  running: Promise<unknown>
}

let current: Writing | undefined

/** The checks that are written in a function, by `describe` and `test` as test runners have them. */
export function checksOf(write: () => void): readonly StoreCheck[] {
  const outer = current
  current = { checks: [], group: { names: [], before: [], after: [] }, running: Promise.resolve() }
  try {
    write()
    return current.checks
  } finally {
    current = outer
  }
}

export function describe(name: string, write: () => void): void {
  const writing = inChecks()
  const outer = writing.group
  writing.group = {
    names: [...outer.names, name],
    before: [...outer.before],
    after: [...outer.after],
  }
  write()
  writing.group = outer
}

export function beforeEach(step: Step): void {
  inChecks().group.before.push(step)
}

export function afterEach(step: Step): void {
  inChecks().group.after.unshift(step)
}

export function test(name: string, body: Step): void {
  const writing = inChecks()
  const { group } = writing
  writing.checks.push({
    name: [...group.names, name].join(': '),
    run() {
      const run = writing.running.then(() => runIn(group, body))
      writing.running = run.catch(ignore)
      return run
    },
  })
}

async function runIn({ before, after }: CheckGroup, body: Step): Promise<void> {
  try {
    for (const step of before) await step()
    await body()
  } finally {
    for (const step of after) await step()
  }
}

function inChecks(): Writing {
  if (current === undefined) throw new Error('Checks are written within checksOf().')
  return current
}
