import { test } from 'vitest'
import { SERVER_FAULTS } from './faults.js'
import { runFault } from './run-fault.js'
import { startServer } from './target.js'

for (const fault of SERVER_FAULTS) {
  test(`${fault.name}: ${fault.meaning}`, () => runFault(fault, startServer))
}
