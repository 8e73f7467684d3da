import { beforeAll, test, vi } from 'vitest'
import { expectNoEscapes } from './escapes.js'
import { resolveName } from './host-name.js'
import { NETWORK_FAULTS } from './network-faults.js'
import { runFaults } from './run-fault.js'
import { startServer } from './target.js'

expectNoEscapes()

// A fault takes seconds, and longer on a machine that is busy.
vi.setConfig({ testTimeout: 120_000 })
beforeAll(resolveName)
for (const fault of NETWORK_FAULTS) {
  test(`${fault.name}: ${fault.meaning}`, () => runFaults([fault], startServer))
}
