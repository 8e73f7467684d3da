import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { expect, test } from 'vitest'
import { DOORS, IO, LAYERS, PACKAGES, PURE } from './layers.js'

/** The targets of imports: static, for their effect, dynamic, of types, and of `require`. */
const IMPORT =
  /^(?:import|export)\b[^'"]*?\bfrom '([^']+)'|^import '([^']+)'|\b(?:import|require)\('([^']+)'\)/gm

type Files = ReadonlyMap<string, string>

const isIn = (file: string) => (place: string) =>
  place.endsWith('/') ? file.startsWith(place) : file === place
const layerOf = (file: string) => LAYERS.findIndex((places) => places.some(isIn(file)))
const placeOf = (file: string) => LAYERS.flat().find(isIn(file)) ?? file

/** Forbidden imports of these files, by their paths below `src`. */
function problems(files: Files): string[] {
  const missing = LAYERS.flat().filter((place) => ![...files.keys()].some((file) => isIn(file)(place)))
  return [
    ...missing.map((place) => `${place} is in LAYERS, but not in src`),
    ...[...files].flatMap(([file, text]) => {
      if (layerOf(file) === -1) return [`${file} is in none of the LAYERS`]
      return importsOf(text).flatMap((named) => problemsOf(file, named))
    }),
  ]
}

const importsOf = (text: string) =>
  [...text.matchAll(IMPORT)].flatMap((match) => match.slice(1).find((named) => named !== undefined) ?? [])

function problemsOf(file: string, named: string): string[] {
  const because = problemOf(file, named)
  return because === undefined ? [] : [`${file} imports ${named}, which ${because}`]
}

function problemOf(file: string, named: string): string | undefined {
  if (named.startsWith('node:')) {
    return IO.test(named.slice('node:'.length)) && PURE.some(isIn(file)) ? 'does I/O' : undefined
  }
  if (!named.startsWith('.')) {
    return (PACKAGES[named] ?? []).some(isIn(file)) ? undefined : 'does not belong here'
  }
  const to = posix.join(dirname(file), named).replace(/\.js$/, '.ts')
  const place = placeOf(to)
  if (place === placeOf(file)) return undefined
  if (layerOf(to) >= layerOf(file)) return 'is not below it'
  const door = DOORS[place]
  return door === undefined || to === door ? undefined : `is reached through ${door} only`
}

const SOURCES: Files = new Map(
  readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => [file.replaceAll('\\', '/'), readFileSync(join('src', file), 'utf8')]),
)

test('src imports downwards only, and packages only in their layers', () => {
  expect(problems(SOURCES)).toEqual([])
})

test('each import of src is checked', () => {
  const written = [...SOURCES.values()].join('\n').match(/^import\b|^\} from '|^export .* from '/gm)
  const seen = [...SOURCES.values()].flatMap(importsOf)
  expect(seen.length).toBeGreaterThan(500)
  expect(seen.length).toBeGreaterThanOrEqual((written?.length ?? 0) * 0.7)
  expect(new Set(seen)).toContain('ioredis')
})

test.each([
  ['store/store.ts', "import { a } from '../tiers/store-reader.js'", 'is not below it'],
  ['store/store.ts', "import type { A } from '../cache.js'", 'is not below it'],
  ['store/redis/names.ts', "import {\n  a,\n  b,\n} from '../../compute/held-lease.js'", 'is not below it'],
  ['cache/reading.ts', "export * from '../cache.js'", 'is not below it'],
  ['stats/counters.ts', "import '../compute/held-lease.js'", 'is not below it'],
  ['compute/held-lease.ts', "const a = await import('../options.js')", 'is not below it'],
  ['tiers/store-reader.ts', "type A = import('../stats/counters.js').A", 'is not below it'],
  ['model/model.ts', "import { a } from '../dashboard/mount.js'", 'is not below it'],
  ['dashboard/mount.ts', "import { a } from '../index.js'", 'is not below it'],
  ['errors.ts', "import { a } from './bounded-map.js'", 'is not below it'],
  ['express/middleware.ts', "import { a } from '../dashboard/dashboard.js'", 'reached through'],
  ['express/middleware.ts', "import ejs from 'ejs'", 'does not belong here'],
  ['cache.ts', "import type { Request } from 'express'", 'does not belong here'],
  ['options.ts', "import type { Redis } from 'ioredis'", 'does not belong here'],
  ['store/memory-store.ts', "const a = require('ioredis')", 'does not belong here'],
  ['dashboard/views.ts', "import a from 'another-package'", 'does not belong here'],
  ['key/segment.ts', "import { a } from 'node:fs/promises'", 'does I/O'],
  ['drawer/things.ts', 'export const a = 1', 'is in none of the LAYERS'],
  ['things.ts', 'export const a = 1', 'is in none of the LAYERS'],
])('%s may not contain %j', (file, text, problem) => {
  const found = problems(new Map([...SOURCES, [file, text]]))
  expect(found).toEqual([expect.stringContaining(problem)])
})

test.each([
  ['store/redis/names.ts', "import { a } from '../store.js'\nimport { Redis } from 'ioredis'"],
  ['express/middleware.ts', "import { a } from '../dashboard/mount.js'\nimport { b } from '../cache.js'"],
  ['key/segment.ts', "import { createHash } from 'node:crypto'"],
])('%s may contain %j', (file, text) => {
  expect(problems(new Map([...SOURCES, [file, text]]))).toEqual([])
})

test('a missing folder of LAYERS is an error', () => {
  const left = new Map([...SOURCES].filter(([file]) => !file.startsWith('bypass/')))
  expect(problems(left)).toContain('bypass/ is in LAYERS, but not in src')
})
