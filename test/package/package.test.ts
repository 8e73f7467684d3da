import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

// A process for each test, and a compiler for some.
vi.setConfig({ testTimeout: 60_000 })

/** An application of somebody else: the packed package is installed in it as npm does it, without a network. */
const application = mkdtempSync(join(tmpdir(), 'keyedcache-package-'))
let packedFiles: string[]

beforeAll(() => {
  if (!existsSync('dist/index.js'))
    throw new Error('Nothing is built: run `npm run build`, or the whole `npm test`.')
  const dependencies = [...productionDependencies('.')].map((name) => `./node_modules/${name}`)
  const packed = pack('.', ...dependencies)
  packedFiles = packed[0]?.files.map((file) => file.path) ?? []
  write('package.json', '{ "private": true, "type": "module" }')
  const tarballs = packed.map(({ filename }) => `./${filename}`)
  run('npm', 'install', '--offline', '--ignore-scripts', '--legacy-peer-deps', ...tarballs)
  for (const peer of ['express', 'ioredis', '@types']) {
    symlinkSync(resolve('node_modules', peer), join(application, 'node_modules', peer))
  }
}, 120_000)

afterAll(() => rmSync(application, { recursive: true, force: true }))

test('has what it runs on and nothing of the workshop', () => {
  expect(packedFiles).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'LICENSE']))
  expect(packedFiles).toContainEqual(expect.stringMatching(/^views\/.*\.ejs$/))
  const known = /^(dist|views)\/|^(package\.json|LICENSE|README\.md|CHANGELOG\.md|docs\/errors\.md)$/
  expect(packedFiles.filter((file) => !known.test(file))).toEqual([])
})

/** What both module systems do with it: a handler, an error class, the dashboard. Ends by itself or hangs the test. */
const USE = `
const app = express()
const cached = keyedCache({ store: 'memory', dashboard: { isStaff: () => true } })
app.use(cached)
app.get('/n', async (req, res) => {
  await req.cache.set(['n', 1], 42)
  res.json(await req.cache.get({ n: 1 }))
})
const server = app.listen(0, '127.0.0.1', async () => {
  const url = 'http://127.0.0.1:' + server.address().port
  const n = await (await fetch(url + '/n')).json()
  const page = await fetch(url + '/cache/')
  const dashboard = page.status + ' ' + page.headers.get('content-type') + ' ' + /<\\/html>/.test(await page.text())
  const cache = createCache({ store: 'memory' })
  const error = await cache.getOrThrow('nothing').catch((error) => error)
  console.log(JSON.stringify({ n, dashboard, notCached: error instanceof NotCachedError && error.key }))
  await cache.close()
  await cached.close()
  server.close()
  server.closeAllConnections()
})
`

test.each([
  ['an ES module imports it', 'use.js', 'import express from "express"', 'import', 'from "keyedcache"'],
  [
    'a CommonJS module requires it',
    'use.cjs',
    'const express = require("express")',
    'const',
    '= require("keyedcache")',
  ],
])('%s', (_, file, express, declare, from) => {
  write(file, `${express}\n${declare} { createCache, keyedCache, NotCachedError } ${from}\n${USE}`)
  expect(JSON.parse(run('node', file))).toEqual({
    n: 42,
    dashboard: '200 text/html; charset=utf-8 true',
    notCached: 'nothing',
  })
})

test.each(['nodenext', 'bundler'])('TypeScript knows req.cache (moduleResolution %s)', (moduleResolution) => {
  const source = `
import express from 'express'
import { createCache, keyedCache, NotCachedError } from 'keyedcache'

const app = express()
const cache = createCache({ store: 'memory' })
app.use(keyedCache(cache))
app.get('/', async (req) => {
  const n: number | undefined = await req.cache.get<number>('n')
  // @ts-expect-error what is read may not be cached
  const m: number = await req.cache.get<number>('n')
  return [n, m]
})
export const key: string = new NotCachedError('a').key
`
  write('app.ts', source)
  const module = moduleResolution === 'nodenext' ? 'nodenext' : 'preserve'
  const options = { target: 'es2023', module, moduleResolution, strict: true, noEmit: true, types: ['node'] }
  write('tsconfig.json', JSON.stringify({ compilerOptions: options, files: ['app.ts'] }))
  expect(run(resolve('node_modules/.bin/tsc'), '-p', '.')).toBe('')
})

/** Packs the packages of these folders into the application's folder. */
function pack(...folders: string[]): { filename: string; files: { path: string }[] }[] {
  const options = ['--json', '--ignore-scripts', '--pack-destination', application]
  return JSON.parse(
    execFileSync('npm', ['pack', ...folders, ...options], { encoding: 'utf8', stdio: 'pipe' }),
  )
}

/** The names of everything that a package needs at run time, peers aside, as this checkout has it installed. */
function productionDependencies(folder: string, found = new Set<string>()): Set<string> {
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const name of Object.keys(dependencies)) {
    if (found.has(name)) continue
    found.add(name)
    productionDependencies(join('node_modules', name), found)
  }
  return found
}

function write(file: string, text: string): void {
  writeFileSync(join(application, file), text)
}

/** Runs a command in the application; resolves to what it printed, or throws with it. */
function run(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, {
      cwd: application,
      encoding: 'utf8',
      stdio: 'pipe',
      timeout: 60_000,
    }).trim()
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`)
  }
}
