import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application } from 'typedoc'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const OUT = join(ROOT, 'docs/api')

/** Writes the reference of the public API, from the docstrings of src/index.ts and src/testing.ts, to a folder. */
async function generate(out) {
  const app = await Application.bootstrapWithPlugins({
    entryPoints: [join(ROOT, 'src/index.ts'), join(ROOT, 'src/testing.ts')],
    tsconfig: join(ROOT, 'tsconfig.json'),
    plugin: ['typedoc-plugin-markdown'],
    outputs: [{ name: 'markdown', path: out }],
    name: 'keyedcache: API reference',
    readme: 'none',
    outputFileStrategy: 'members',
    membersWithOwnFile: ['Class', 'Interface'],
    excludePrivate: true,
    excludeInternal: true,
    disableSources: true,
    hideBreadcrumbs: true,
    hidePageHeader: true,
    useCodeBlocks: true,
    entryFileName: 'README',
    parametersFormat: 'table',
    propertyMembersFormat: 'table',
    typeAliasPropertiesFormat: 'table',
    classPropertiesFormat: 'table',
    indexFormat: 'table',
    expandParameters: true,
    interfacePropertiesFormat: 'table',
    sort: ['source-order'],
    treatWarningsAsErrors: false,
    logLevel: 'Warn',
  })
  const project = await app.convert()
  if (!project) throw new Error('The sources cannot be read: see above.')
  await app.generateOutputs(project)
  if (app.logger.hasErrors()) throw new Error('The reference cannot be written: see above.')
}

async function filesOf(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const texts = files.map(async (file) => [file.slice(folder.length), await readFile(file, 'utf8')])
  return new Map((await Promise.all(texts)).sort(([one], [other]) => (one < other ? -1 : 1)))
}

if (process.argv.includes('--check')) {
  const out = await mkdtemp(join(tmpdir(), 'keyedcache-api-'))
  try {
    await generate(out)
    const [made, kept] = [await filesOf(out), await filesOf(OUT)]
    const names = [...new Set([...made.keys(), ...kept.keys()])]
    const different = names.filter((name) => made.get(name) !== kept.get(name))
    if (different.length > 0) {
      console.error(`docs/api is not up to date (${different.join(', ')}). Run: npm run api`)
      process.exitCode = 1
    }
  } finally {
    await rm(out, { recursive: true })
  }
} else {
  await rm(OUT, { recursive: true, force: true })
  await generate(OUT)
}
