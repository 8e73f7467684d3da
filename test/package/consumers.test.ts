import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build, type Format } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type Application, bin, createApplication, execute } from './application.js'

// How applications use the package: each folder in `consumers/` is one, run by the tool that it is for.

// A compiler, a bundler or a test runner for each test.
vi.setConfig({ testTimeout: 120_000 })

let application: Application

beforeAll(() => {
  application = createApplication(['express', 'ioredis', '@types', 'vitest', 'jest'])
  cpSync('test/package/consumers', application.folder, { recursive: true })
}, 240_000)

afterAll(() => application.remove())

test.each(['shop.mjs', 'shop.cjs'])('Node runs %s, and the process ends', (file) => {
  expect(JSON.parse(application.run(['node', `javascript/${file}`]))).toEqual({
    n: 42,
    dashboard: '200 text/html; charset=utf-8 true',
    notCached: 'nothing',
  })
})

test('node:test runs tests of an application and of a store with keyedcache/testing, and ends', () => {
  const report = application.run(['node', '--test', '--test-reporter=tap', 'javascript/testing.test.cjs'])
  const [, passed] = /^# pass (\d+)$/m.exec(report) ?? []
  expect(Number(passed)).toBeGreaterThan(100)
  expect(report).toMatch(/^# fail 0$/m)
})

describe('TypeScript, strict, compiles and Node runs', () => {
  const MODULES: Record<string, { file: string; out: string; options: object }> = {
    'an ES module (module node16)': { file: 'shop.mts', out: 'shop.mjs', options: { module: 'node16' } },
    'a CommonJS module (module node16)': { file: 'shop.cts', out: 'shop.cjs', options: { module: 'node16' } },
    'an ES module (module nodenext)': { file: 'shop.mts', out: 'shop.mjs', options: { module: 'nodenext' } },
    'what is made CommonJS (module commonjs)': {
      file: 'shop.ts',
      out: 'shop.js',
      options: { module: 'commonjs', moduleResolution: 'bundler', esModuleInterop: true },
    },
    'what a bundler resolves (moduleResolution bundler)': {
      file: 'shop.ts',
      out: 'shop.js',
      options: { module: 'esnext', moduleResolution: 'bundler' },
    },
  }

  test.each(Object.entries(MODULES))('%s', (name, { file, out, options }) => {
    const type = name.includes('module commonjs') ? 'commonjs' : 'module'
    application.write('typescript/package.json', JSON.stringify({ type }))
    const compilerOptions = { target: 'es2023', strict: true, types: ['node'], outDir: 'out', ...options }
    application.write('typescript/tsconfig.json', JSON.stringify({ compilerOptions, files: [file] }))
    expect(application.run([bin('tsc'), '-p', '.'], { in: 'typescript' })).toBe('')
    expect(application.run(['node', `out/${out}`], { in: 'typescript' })).toBe('42 a a::1')
  })
})

test('Jest runs tests in CommonJS without flags, and ends', () => {
  application.write('jest/package.json', '{ "private": true }')
  const command = [bin('jest'), '--rootDir', '.', '--json', '--silent', '--outputFile', 'report.json']
  application.run(command, { in: 'jest', env: { NODE_OPTIONS: '' } })
  expect(reportOf('jest')).toEqual({ numFailedTests: 0, numPassedTests: 3 })
})

test('Vitest runs tests', () => {
  const command = [bin('vitest'), 'run', '--root', '.', '--reporter=json', '--outputFile=report.json']
  application.run(command, { in: 'vitest' })
  expect(reportOf('vitest')).toEqual({ numFailedTests: 0, numPassedTests: 3 })
})

function reportOf(consumer: string) {
  const file = join(application.folder, consumer, 'report.json')
  const { numFailedTests, numPassedTests } = JSON.parse(readFileSync(file, 'utf8'))
  return { numFailedTests, numPassedTests }
}

describe('esbuild makes one file', () => {
  /** Express and ioredis are CommonJS: in an ES module, esbuild wants a `require` for Node's own modules. */
  const BANNER =
    "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

  let elsewhere: string
  beforeAll(() => {
    // Nothing can be found from here but what is in the bundle.
    elsewhere = mkdtempSync(join(tmpdir(), 'keyedcache-bundle-'))
  })
  afterAll(() => rmSync(elsewhere, { recursive: true, force: true }))

  async function bundle(format: Format, folder: string) {
    const outfile = join(elsewhere, folder, format === 'esm' ? 'shop.mjs' : 'shop.cjs')
    const banner = format === 'esm' ? { banner: { js: BANNER } } : {}
    const { warnings } = await build({
      absWorkingDir: join(application.folder, 'bundle'),
      entryPoints: ['shop.mjs'],
      bundle: true,
      platform: 'node',
      format,
      outfile,
      logLevel: 'silent',
      ...banner,
    })
    expect(warnings.map(({ text }) => text)).toEqual([])
    return (...args: string[]) =>
      JSON.parse(execute(['node', outfile, ...args], { cwd: join(elsewhere, folder) }))
  }

  const WORKS = { n: 42, down: true }

  test.each(['cjs', 'esm'] as const)(
    '%s: without the dashboard, and without its views on disk',
    async (format) => {
      const run = await bundle(format, `${format}-without`)
      expect(run('without')).toMatchObject({ ...WORKS, page: 404 })
    },
  )

  test.each(['cjs', 'esm'] as const)('%s: with the dashboard, whose views are copied', async (format) => {
    const run = await bundle(format, `${format}-with`)
    cpSync(resolve('views'), join(elsewhere, `${format}-with`, 'views'), { recursive: true })
    expect(run()).toMatchObject({ ...WORKS, page: 200, style: 200 })
  })

  test.each(['cjs', 'esm'] as const)(
    '%s: without its views, the dashboard explains what is missing',
    async (format) => {
      const run = await bundle(format, `${format}-forgotten`)
      expect(existsSync(join(elsewhere, `${format}-forgotten`, 'views'))).toBe(false)
      const { page, title, ...rest } = run()
      expect(rest).toMatchObject(WORKS)
      expect({ page, title }).toEqual({ page: 500, title: expect.stringContaining('dashboard: { views: ') })
    },
  )
})
