import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

/** A declaration file: what it declares, and the names that it takes from other files. */
interface Declarations {
  readonly declared: ReadonlyMap<string, string>
  /** Imported and passed on, by the name used here. */
  readonly from: ReadonlyMap<string, { readonly file: string; readonly name: string }>
  /** Names that it exports from another file, or under another name. */
  readonly exported: ReadonlyMap<string, { readonly file: string; readonly name: string }>
}

let folder = ''
const files = new Map<string, Declarations>()

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'keyedcache-types-'))
  const tsc = resolve('node_modules/.bin/tsc')
  execFileSync(tsc, ['-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', folder])
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true }))

/** Helpers of mapped types: an editor shows what they come to, and no application writes them. */
const HELPERS = new Set(['Metrics', 'OrNewer', 'Value'])

test('each type in a public signature is exported', () => {
  const index = join(folder, 'index.d.ts')
  const exported = new Map<string, string>()
  for (const name of load(index).exported.keys()) exported.set(idOf(index, name) ?? '', name)
  expect(exported.size, 'the exports were found').toBeGreaterThan(80)

  const missing = new Set<string>()
  for (const [id, name] of exported) {
    for (const [type, file] of typesIn(id)) {
      if (!exported.has(`${file} ${type}`) && !HELPERS.has(type))
        missing.add(`${type}, in the signature of ${name}`)
    }
  }
  expect([...missing]).toEqual([])
})

test('a type that is not exported is found', () => {
  const text = [
    "import type { Elsewhere } from './elsewhere.js';",
    'interface Hidden {',
    '    readonly a: 1;',
    '}',
    '/** A Comment. */',
    'export declare function seen(hidden: Hidden, other: Elsewhere): "Text";',
    'export {};',
  ]
  const { declared, from } = parse(text.join('\n'), '/folder')
  expect([...declared.keys()]).toEqual(['Hidden', 'seen'])
  expect(from.get('Elsewhere')).toEqual({ file: '/folder/elsewhere.d.ts', name: 'Elsewhere' })
  expect(namesIn(declared.get('seen') ?? '')).toEqual(expect.arrayContaining(['Hidden', 'Elsewhere']))
  expect(namesIn(declared.get('seen') ?? '')).not.toContain('Text')
})

/** The types of this package that a declaration names, with the files that declare them. */
function typesIn(id: string): [type: string, file: string][] {
  const [file = '', name = ''] = id.split(' ')
  const text = load(file).declared.get(name) ?? ''
  return namesIn(text).flatMap((used): [string, string][] => {
    const [declaredIn = '', type = ''] = (used === name ? undefined : idOf(file, used))?.split(' ') ?? []
    const declaration = load(declaredIn).declared.get(type) ?? ''
    return /^(?:export )?(?:declare )?(?:abstract )?(?:interface|class|type|enum)\b/.test(declaration)
      ? [[type, declaredIn]]
      : []
  })
}

/** The file and the name under which a name is declared; nothing for one of another package or of the language. */
function idOf(file: string, name: string): string | undefined {
  const { declared, from, exported } = load(file)
  if (declared.has(name)) return `${file} ${name}`
  const other = exported.get(name) ?? from.get(name)
  return other && (other.file === file && other.name === name ? undefined : idOf(other.file, other.name))
}

function load(file: string): Declarations {
  const known = files.get(file)
  if (known) return known
  const declarations = file === '' ? parse('', '') : parse(readFileSync(file, 'utf8'), dirname(file), file)
  files.set(file, declarations)
  return declarations
}

/** Declaration files are formatted by the compiler: each statement begins at the start of a line. */
function parse(text: string, folder: string, file = ''): Declarations {
  const declared = new Map<string, string>()
  const from = new Map<string, { file: string; name: string }>()
  const exported = new Map<string, { file: string; name: string }>()
  const uncommented = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  for (const statement of uncommented.split(/\n(?=[a-z])/)) {
    const list = /^\s*(import|export) (?:type )?\{([^}]*)\}(?: from ['"](\.[^'"]*)\.js['"])?/.exec(statement)
    if (list) {
      const [, kind, names = '', path] = list
      for (const one of names.split(',').map((given) => given.trim().replace(/^type /, ''))) {
        const [name = '', alias = name] = one.split(' as ')
        if (name === '') continue
        const target = path === undefined ? file : `${join(folder, path)}.d.ts`
        if (kind === 'export') exported.set(alias, { file: target, name })
        else if (path !== undefined) from.set(alias, { file: target, name })
      }
      continue
    }
    const declaration =
      /^\s*(?:export )?(?:declare )?(?:abstract )?(?:interface|class|type|enum|function|const|let) ([\w$]+)/.exec(
        statement,
      )
    const name = declaration?.[1]
    // Overloads are several statements.
    if (name !== undefined) declared.set(name, `${declared.get(name) ?? ''}${statement.trim()}\n`)
  }
  return { declared, from, exported }
}

function namesIn(declaration: string): string[] {
  const unquoted = declaration.replace(/'[^'\n]*'|"[^"\n]*"/g, '')
  return [...new Set(unquoted.match(/[A-Za-z_$][\w$]*/g))]
}
