import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../docs/project.js'
import { faultsDocument } from './document.js'

test('docs/faults.md has the tables of these tests; `npm run faults -- --update` writes it', async () => {
  await expect(faultsDocument()).toMatchFileSnapshot(join(ROOT, 'docs/faults.md'))
})
