// npm runs this where the package is installed from a git URL, and after `npm ci` in a checkout: it builds what is
// not there yet. Packing always builds anew, by `prepack`.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
// A container may install before the sources are there.
const hasSources = existsSync(join(root, 'src/index.ts'))
if (hasSources && !existsSync(join(root, 'dist/index.js'))) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'inherit' })
  process.exit(status ?? 1)
}
