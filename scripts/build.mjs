// Builds dist/: one implementation, in CommonJS, and a thin ES module for each entry that names its exports, so that
// `import` and `require` in one process share classes, open caches and everything else that is there once.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { rolldown } from 'rolldown'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
const require = createRequire(import.meta.url)
const ENTRIES = ['index', 'testing']

// A module that is gone from src/ must not live on in dist/.
rmSync(dist, { recursive: true, force: true })
declareTypes()
const bundled = await bundle()
// Both the code and the declarations beside it are CommonJS, whatever the package is.
writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ type: 'commonjs' })}\n`)
for (const entry of ENTRIES) addModule(entry)
addLicences(bundled)

function declareTypes() {
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}

/** The files of other packages that are in the bundle. */
async function bundle() {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const external = Object.keys({ ...dependencies, ...peerDependencies })
  const build = await rolldown({
    input: Object.fromEntries(ENTRIES.map((entry) => [entry, join(root, `src/${entry}.ts`)])),
    platform: 'node',
    external,
    onLog(level, log) {
      if (level === 'warn') throw new Error(log.message)
    },
  })
  const options = {
    dir: dist,
    format: 'cjs',
    strict: true,
    // Where `src/dashboard/views.ts` looks for the views: two levels below the package's root.
    chunkFileNames: 'chunks/[name].js',
  }
  // In one file what is loaded at once: a name in another file costs more to call.
  const core = loadedAtOnce((await build.generate(options)).output)
  const groups = [{ name: 'core', test: (id) => core.has(id) }]
  const { output } = await build.write({ ...options, codeSplitting: { groups } })
  await build.close()
  const isOwn = (id) => id.startsWith('\0') || id.startsWith(join(root, 'src'))
  return output.flatMap((file) => file.moduleIds ?? []).filter((id) => !isOwn(id))
}

/** The modules that `keyedcache` loads by itself: not those of the dashboard's pages, which wait for a request. */
function loadedAtOnce(output) {
  const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk]))
  const files = new Set(['index.js'])
  for (const file of files) for (const imported of chunks.get(file)?.imports ?? []) files.add(imported)
  return new Set([...files].flatMap((file) => chunks.get(file)?.moduleIds ?? []))
}

/** Beside the CommonJS entry, the ES module that exports the same. */
function addModule(entry) {
  const names = Object.keys(require(join(dist, `${entry}.js`)))
  writeFileSync(join(dist, `${entry}.mjs`), `export { ${names.sort().join(', ')} } from './${entry}.js'\n`)
  writeFileSync(join(dist, `${entry}.d.mts`), `export * from './${entry}.js'\n`)
}

/** The licences of other packages' code in the bundle, which want to be beside it. */
function addLicences(files) {
  const folders = new Set(files.map((file) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)[0]))
  const texts = [...folders].map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const licence = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file))
    return `${name} ${version}\n\n${readFileSync(join(folder, licence), 'utf8').trim()}\n`
  })
  writeFileSync(join(dist, 'LICENSES.txt'), texts.join('\n\n'))
}
