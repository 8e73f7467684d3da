import type { Fault } from './fault.js'
import { KNOWN } from './known.js'
import { NETWORK_FAULTS } from './network-faults.js'
import type { Need, Outcome } from './operation.js'
import { OPERATIONS } from './operations.js'
import { SERVER_FAULTS } from './server-faults.js'

/** What the store provides or withholds, by the operations that need it. */
const NEEDS: Readonly<Record<Need, string>> = {
  read: 'reads',
  fill: 'fills',
  write: 'writes',
  invalidate: 'deletes',
  peek: '`inspect`',
  list: 'listings',
  usage: '`usage`',
  check: '`check`',
  report: 'reports',
  history: '`history`',
  secret: 'the shared secret',
}

const INTRODUCTION = `# Faults

What a caller gets while Redis fails. The tests write these tables (\`npm run faults -- --update\`), and make each fault:
with a real Redis, or with a proxy before it where Redis cannot be made to fail so.

During a fault they call every operation at once, each on a cache of its own, and check that

- it settles within its deadlines (\`timeouts.store\`), with the outcome below;
- the cache serves again within two seconds after the fault;
- no invalidation is lost: within seconds no process reads what was deleted, expired or overwritten meanwhile;
- no rejection is unhandled, and no client prints an error.

## What fails

The second table says what each operation needs, and what its caller gets while that fails. Operations that need nothing
of it are served as usual.
`

const EXCEPTIONS = `Three faults have more to say:

- **dropped**: a connection is given up after five seconds of silence. Until then nothing is served.
- **NOPERM**: \`usage\` resolves to \`undefined\`. Without the right to a single command, the operations that need it fail, and
  all others are served. The tests do without each command of
  [the user with few rights](guide/redis.md#a-user-with-few-rights).
- **clock**: freshness is decided on the server's clock, so a value expires early or late by as much as that clock was set.
`

const OPERATIONS_INTRODUCTION = `## What the caller gets

With \`throwOnStoreError\` every operation of a cache rejects with \`CacheNotRespondingError\` instead. See
[errors](errors.md#what-is-answered-while-the-store-fails) and [operations](guide/operations.md#failures-of-the-store).
The stored values are \`'old'\`, what the caller computes is \`'computed'\`.
`

/** The document `docs/faults.md`. */
export function faultsDocument(): string {
  const faults = faultTable([...NETWORK_FAULTS, ...SERVER_FAULTS])
  const parts = [
    INTRODUCTION,
    faults,
    '',
    EXCEPTIONS,
    OPERATIONS_INTRODUCTION,
    operationTable(),
    ...knownSection(),
  ]
  return `${parts.join('\n').trimEnd()}\n`
}

function faultTable(faults: readonly Fault[]): string {
  const rows = faults.map((fault) => {
    const { name, meaning, message } = fault
    return [name, meaning, message === undefined ? '' : `\`${message}\``, inNeeds(fault)]
  })
  return table(['fault', 'what has happened', 'in the message', 'fails'], rows)
}

/** What a fault withholds, in the fewest words. */
function inNeeds({ withholds }: Fault): string {
  const all = Object.keys(NEEDS) as Need[]
  const served = all.filter((need) => !withholds.includes(need as never))
  const inWords = (needs: readonly Need[]) => needs.map((need) => NEEDS[need]).join(', ')
  if (served.length === 0) return 'everything'
  if (served.length === all.length) return 'nothing'
  if (served.length === 1) return `everything but ${inWords(served)}`
  return inWords(all.filter((need) => !served.includes(need)))
}

function operationTable(): string {
  const rows = OPERATIONS.map((operation) => [
    operation.name,
    operation.needs.map((need) => NEEDS[need]).join(', ') || 'nothing',
    operation.inWords?.served ?? shown(operation.served),
    operation.inWords?.failed ?? shown(operation.failed),
  ])
  return table(['operation', 'needs', 'as usual', 'while that fails'], rows)
}

function shown(outcome: Outcome): string {
  if ('error' in outcome) return NAMES[String(outcome.error)] ?? String(outcome.error)
  const { value } = outcome
  return `\`${value === undefined ? 'undefined' : JSON.stringify(value, withUndefined).replaceAll('"', "'").replaceAll("'undefined'", 'undefined')}\``
}

function withUndefined(_name: string, value: unknown): unknown {
  return value === undefined ? 'undefined' : value
}

const NAMES: Readonly<Record<string, string>> = {
  ERR_KEYEDCACHE_NOT_RESPONDING: 'rejects with `CacheNotRespondingError`',
  ERR_KEYEDCACHE_NOT_CACHED: 'rejects with `NotCachedError`',
}

function knownSection(): string[] {
  const rows = Object.entries(KNOWN).map(([cell, reason]) => [cell, reason])
  return rows.length === 0 ? [] : [`\n## Not yet as promised\n\n${table(['fault: operation', 'why'], rows)}`]
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
