import { beforeAll, test } from 'vitest'
import { NETWORK_FAULTS, resolveName } from './faults.js'
import { runFault } from './run-fault.js'
import { startServer } from './target.js'

beforeAll(resolveName)

for (const fault of NETWORK_FAULTS) {
  test(`${fault.name}: ${fault.meaning}`, () => runFault(fault, startServer))
}
