import { test, vi } from 'vitest'
import { expectNoEscapes } from './escapes.js'
import { runFaults } from './run-fault.js'
import { SERVER_FAULTS } from './server-faults.js'
import { startServer } from './target.js'

expectNoEscapes()

// A fault takes seconds, and longer on a machine that is busy.
vi.setConfig({ testTimeout: 120_000 })

for (const fault of SERVER_FAULTS) {
  test(`${fault.name}: ${fault.meaning}`, () => runFaults([fault], startServer))
}

const some = SERVER_FAULTS.filter(({ name }) => ['BUSY', 'READONLY'].includes(name))
test.each(some.map((fault) => [fault.name, fault] as const))('%s, with throwOnStoreError', (_, fault) =>
  runFaults([fault], startServer, { throwOnStoreError: true }),
)
