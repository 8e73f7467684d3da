import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

/** Files of each layer, lowest first. The last rank is that of the faces, which don't import each other. */
const RANKS = [
  ['errors.ts', 'entry/frame.ts', 'events.ts', 'key/escape.ts', 'codec/codec.ts'],
  ['store/store.ts', 'store/redis/connection.ts', 'store/redis/scripts/script.ts'],
  ['tiers/store-reader.ts'],
  ['stats/counters.ts'],
  ['compute/lease.ts'],
  ['cache.ts', 'options.ts', 'inspection.ts', 'cache/inspect.ts', 'options/backend.ts'],
  ['express/middleware.ts', 'model/mixin.ts', 'dashboard/pages/keys.ts', 'cli/main.ts'],
]
const FACES = RANKS.length - 1
const PURE = ['errors.ts', 'entry/frame.ts', 'key/escape.ts', 'codec/codec.ts']
const PACKAGES: Record<string, string[]> = {
  express: ['express/', 'dashboard/'],
  ioredis: ['store/redis/'],
  ejs: ['dashboard/'],
}
const EVERY_FILE = [...RANKS.flat(), 'index.ts']

interface Import {
  from: string
  to: string
  allowed: boolean
}

function betweenLayers(): Import[] {
  const files = RANKS.flatMap((rank, height) => rank.map((file) => ({ file, height })))
  return files.flatMap((from) =>
    files
      .filter((to) => layer(from.file) !== layer(to.file))
      .map((to) => {
        const sameRank = from.height === to.height && from.height < FACES
        return { from: from.file, to: to.file, allowed: sameRank || to.height < from.height }
      }),
  )
}

function ofPackages(): Import[] {
  return Object.entries(PACKAGES).flatMap(([to, places]) =>
    EVERY_FILE.map((from) => ({ from, to, allowed: places.some((place) => from.startsWith(place)) })),
  )
}

function ofNodeModules(): Import[] {
  const io = ['node:fs', 'node:fs/promises', 'net', 'node:http', 'node:child_process']
  const harmless = ['node:crypto', 'node:buffer', 'node:util']
  return EVERY_FILE.flatMap((from) => [
    ...io.map((to) => ({ from, to, allowed: !PURE.includes(from) })),
    ...harmless.map((to) => ({ from, to, allowed: true })),
  ])
}

const ODD_ONES: Import[] = [
  { from: 'express/middleware.ts', to: 'dashboard/dashboard.ts', allowed: true },
  { from: 'express/middleware.ts', to: 'dashboard/staff.ts', allowed: false },
  { from: 'dashboard/dashboard.ts', to: 'dashboard/pages/model/x.ts', allowed: true },
  { from: 'store/redis/scripts/script.ts', to: 'store/store.ts', allowed: true },
  { from: 'key/escape.ts', to: 'key/cache-key.ts', allowed: true },
  { from: 'index.ts', to: 'cache.ts', allowed: true },
  { from: 'index.ts', to: 'express/middleware.ts', allowed: true },
  { from: 'index.ts', to: 'dashboard/dashboard.ts', allowed: true },
  { from: 'cache.ts', to: 'index.ts', allowed: false },
  { from: 'dashboard/dashboard.ts', to: 'index.ts', allowed: false },
]

test.each([
  ['layers import downwards only', betweenLayers()],
  ['express, ioredis and ejs are imported where they belong', ofPackages()],
  ['pure files import no I/O', ofNodeModules()],
  ['the exceptions hold, and only they', ODD_ONES],
])('%s', (_, imports) => {
  const refused = lint(imports)
  const wrong = imports.filter((one) => refused.has(nameOf(one)) === one.allowed)
  expect(wrong.map((one) => `${nameOf(one)} should be ${one.allowed ? 'allowed' : 'refused'}`)).toEqual([])
  expect(refused.size).toBe(imports.filter((one) => !one.allowed).length)
})

/** Writes the imports into files of a folder elsewhere, and gives the names of those that the linter refuses. */
function lint(imports: Import[]): Set<string> {
  const directory = mkdtempSync(join(tmpdir(), 'keyedcache-lint-'))
  try {
    for (const file of ['biome.json', 'biome.imports.json']) cpSync(file, join(directory, file))
    const byFile = new Map<string, Import[]>()
    for (const one of imports) byFile.set(one.from, [...(byFile.get(one.from) ?? []), one])
    for (const [file, ones] of byFile) {
      const path = join(directory, 'src', file)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, ones.map((one) => `import '${specifier(one)}'\n`).join(''))
    }
    const biome = resolve('node_modules/.bin/biome')
    const options = ['--only=style/noRestrictedImports', '--vcs-enabled=false', '--max-diagnostics=none']
    const { stdout, stderr } = spawnSync(biome, ['lint', ...options, '--reporter=github'], {
      cwd: directory,
      encoding: 'utf8',
    })
    expect(stderr, 'the linter did its work').not.toMatch(/configuration|internalError/)
    const found = stdout.matchAll(/noRestrictedImports,file=.*?src\/([^,]*),line=(\d+)/g)
    return new Set([...found].map(([, file, line]) => nameOf(byFile.get(file ?? '')?.[Number(line) - 1])))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function specifier({ from, to }: Import): string {
  if (!to.endsWith('.ts')) return to
  const path = relative(dirname(from), to).replace(/\.ts$/, '.js')
  return path.startsWith('.') ? path : `./${path}`
}

function nameOf(one: Import | undefined): string {
  return `${one?.from} -> ${one?.to}`
}

function layer(file: string): string | undefined {
  return file.split('/')[0]
}
