import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { withChecks } from './results.js'
import type { Runner, Sample } from './samples.js'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const HERE = join(ROOT, 'test/docs')

/** Options of the strictest applications. */
const COMPILER_OPTIONS = {
  ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
  ...{ noImplicitOverride: true, noImplicitReturns: true, skipLibCheck: true },
  ...{ target: 'es2023', lib: ['es2023', 'es2024.string'], module: 'nodenext', types: ['node'] },
  outDir: 'out',
}

/** An application of its own folder, which has keyedcache installed, and all samples as its modules. */
export interface Project {
  readonly folder: string
  /** What the compiler says, by page and line; empty when it has nothing to say. */
  readonly problems: string
  /** Runs samples of one kind, one after the other where they can share a process, and returns what failed. */
  run(runner: Runner, redisUrl: string): Promise<string[]>
}

interface Module {
  readonly sample: Sample
  readonly file: string
  readonly values: number
  /** Line of its file on which the sample's own first line stands, from 1. */
  readonly offset: number
}

/** Compiles samples in one program. Every sample of `port` 6379 gets the Redis at `port`. */
export async function makeProject(samples: readonly Sample[], redisUrl: string): Promise<Project> {
  const folder = await mkdtemp(join(tmpdir(), 'keyedcache-docs-'))
  await installInto(folder)
  const known = await namesToImport()
  const modules: Module[] = []
  for (const sample of samples) {
    const { file, text, values, offset } = moduleOf(sample, known, new URL(redisUrl).port)
    await writeFile(join(folder, sample.language === 'js' ? 'out' : '.', file), text)
    modules.push({ sample, file, values, offset })
  }
  for (const name of ['world', 'application-types']) {
    const text = await readFile(join(HERE, `${name}.ts`), 'utf8')
    await writeFile(join(folder, `${name}.ts`), text.replaceAll('../../src/index.js', 'keyedcache'))
  }
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: COMPILER_OPTIONS, include: ['*.ts'] }),
  )
  const compiled = await node([join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder], {}, folder)
  const problems = compiled.output.trim()
  return {
    folder,
    problems: problems.replace(/^([\w.-]+)\((\d+),(\d+)\)/gm, (_, file, line, column) => {
      const module = modules.find((one) => one.file === file)
      if (!module) return `${file}:${line}:${column}`
      return `${module.sample.page}:${Number(line) - module.offset + module.sample.line}:${column}`
    }),
    async run(runner, url) {
      const chosen = modules.filter(({ sample }) => sample.runner === runner)
      if (runner === 'module') return runModules(folder, chosen, url)
      if (runner === 'process') {
        const failures: string[] = []
        for (const module of chosen) failures.push(...(await runModules(folder, [module], url)))
        return failures
      }
      return runTests(folder, runner, chosen)
    },
  }
}

/** The packages of this repository, and keyedcache itself, as `npm install` would place them. */
async function installInto(folder: string): Promise<void> {
  const [from, to] = [join(ROOT, 'node_modules'), join(folder, 'node_modules')]
  await mkdir(to)
  const packages = (await readdir(from)).filter((name) => !name.startsWith('.'))
  await Promise.all(packages.map((name) => symlink(join(from, name), join(to, name))))
  await symlink(ROOT, join(to, 'keyedcache'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await mkdir(join(folder, 'out'))
  await writeFile(join(folder, 'out/package.json'), '{ "type": "module" }')
}

/** What a sample may use without an import: names of the package, and of the world around it. */
async function namesToImport(): Promise<ReadonlyMap<string, string>> {
  const [index, world] = await Promise.all(
    [join(ROOT, 'src/index.ts'), join(HERE, 'world.ts')].map((file) => readFile(file, 'utf8')),
  )
  const ofPackage = [...(index as string).matchAll(/^export (?:type )?\{([^}]*)\}/gms)].flatMap(([, names]) =>
    (names as string).split(',').map((name) => name.replace(/^\s*type /, '').trim()),
  )
  const ofWorld = [
    ...(world as string).matchAll(/^export (?:async )?(?:let|const|function|interface|type) (\w+)/gm),
  ].map(([, name]) => name as string)
  return new Map([
    ...ofPackage.filter((name) => name !== '').map((name) => [name, 'keyedcache'] as const),
    ...ofWorld.map((name) => [name, './world.js'] as const),
  ])
}

/** Where a sample makes a cache on a Redis that answers. */
const A_REDIS =
  /(?<=createCache\(\{ |keyedCache\(\{ |^ {2})redis: (?:'redis:\/\/127\.0\.0\.1:6379[^']*'|\{ host: '127\.0\.0\.1', port: 6379[^}]*\})/gm

/** However busy the machine is. */
const PATIENT = "timeouts: { store: '10s' }"

function moduleOf(sample: Sample, known: ReadonlyMap<string, string>, port: string) {
  const { name, language, before, code, after, runner } = sample
  const isCommonJs = language === 'js' && /\brequire\(/.test(code)
  const isTest = runner !== 'module' && runner !== 'process'
  const placed = (text: string) =>
    text.replaceAll(A_REDIS, `$&, ${PATIENT}`).replaceAll(/(127\.0\.0\.1:|port: )6379\b/g, `$1${port}`)
  const checked = isTest
    ? { code: placed(before + code + after), values: 0 }
    : withChecks(placed(before + code + after), name, language === 'ts')
  const imports = isTest ? [] : importsOf(checked.code, known, isCommonJs)
  const ending = isCommonJs ? 'cjs' : language === 'js' ? 'mjs' : 'ts'
  const file = isTest ? `${name}.test.${ending}` : `${name}.${ending}`
  const text = [...imports, checked.code, ending === 'ts' ? 'export {}' : ''].join('\n')
  const offset = imports.length + before.split('\n').length
  return { file, text, values: checked.values, offset }
}

function importsOf(code: string, known: ReadonlyMap<string, string>, isCommonJs: boolean): string[] {
  const bare = code.replaceAll(/\/\/.*$/gm, '')
  const lines: string[] = []
  for (const [name, from] of known) {
    const isUsed = new RegExp(`(?<![.\\w'"])${name}\\b(?!')`).test(bare)
    const isOwn = new RegExp(
      `\\b(?:const|let|function|class|interface|type)\\s+(?:\\{[^}=]*)?${name}\\b|import (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\}|\\bimport ${name}\\b`,
    ).test(bare)
    if (!isUsed || isOwn) continue
    lines.push(isCommonJs ? `const { ${name} } = require('${from}')` : `import { ${name} } from '${from}'`)
  }
  return lines
}

function compiledName(file: string): string {
  return file.replace(/\.ts$/, '.js')
}

async function runModules(folder: string, modules: readonly Module[], redisUrl: string): Promise<string[]> {
  if (modules.length === 0) return []
  const out = join(folder, 'out')
  const names = modules.map(({ sample, file, values }) => {
    const redis = /6379/.test(sample.before + sample.code) ? '#redis' : ''
    return `${compiledName(file)}#${values}${redis}`
  })
  const env = { ...modules.find(({ sample }) => sample.runner === 'process')?.sample.env }
  for (const [name, value] of Object.entries(env)) if (value === 'redis') env[name] = redisUrl
  const { output, code } = await node([join(HERE, 'run-samples.mjs'), out, ...names], {
    SAMPLES_REDIS: redisUrl,
    ...env,
  })
  try {
    const { ran, failures } = JSON.parse(output.trim().split('\n').at(-1) as string)
    if (ran === modules.length && (failures.length > 0 || code === 0)) return failures
  } catch {
    // It ended before it could say anything.
  }
  return [`the process of ${names.join(', ')} ended with ${code}:\n${output}`]
}

const JEST = [
  join(ROOT, 'node_modules/jest/bin/jest.js'),
  ...['--runInBand', '--no-watchman', '--transform={}', '--runTestsByPath', '--rootDir'],
]

const COMMANDS: Readonly<Record<Exclude<Runner, 'module' | 'process'>, readonly string[]>> = {
  vitest: [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--root'],
  jest: [...JEST],
  'jest with modules': ['--experimental-vm-modules', '--no-warnings', ...JEST],
  'node:test': ['--test'],
}

/** Runs samples that are test files, in a folder of their own. */
async function runTests(
  folder: string,
  runner: Exclude<Runner, 'module' | 'process'>,
  modules: readonly Module[],
): Promise<string[]> {
  const failures: string[] = []
  const compiled = modules.map(({ file }) => join(folder, 'out', compiledName(file)))
  if (compiled.length === 0) return failures
  const command = [...COMMANDS[runner], ...(runner === 'node:test' ? [] : [folder]), ...compiled]
  const { output, code } = await node(command, {}, folder)
  if (code !== 0) failures.push(`${runner} ended with ${code}:\n${output}`)
  return failures
}

interface Ended {
  readonly output: string
  readonly code: number
}

/** Runs Node without what this test runner has set in its environment. */
async function node(args: readonly string[], env: Record<string, string> = {}, cwd = ROOT): Promise<Ended> {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|NODE_|REDIS_URL|KEYEDCACHE_|TEST$)/.test(name),
  )
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      cwd,
      env: { ...Object.fromEntries(own), ...env },
      maxBuffer: 16 * 1024 * 1024,
    })
    return { output: stderr + stdout, code: 0 }
  } catch (error) {
    const { stdout = '', stderr = '', code } = error as { stdout?: string; stderr?: string; code?: number }
    return { output: stderr + stdout, code: typeof code === 'number' ? code : 1 }
  }
}
