import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { execute, productionDependencies } from './application.js'

// Where nothing was built before: what is not in the repository is not in a clone.

vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 })

const folder = mkdtempSync(join(tmpdir(), 'keyedcache-clone-'))
const repository = join(folder, 'repository')

/** A repository of this checkout as it is now, without what git ignores. */
beforeAll(() => {
  const left = ['.git', 'node_modules', 'dist'].map((name) => resolve(name))
  cpSync('.', repository, { recursive: true, filter: (file) => !left.includes(resolve(file)) })
  git('init', '--quiet')
  git('add', '--all')
  git('-c', 'user.name=test', '-c', 'user.email=test@localhost', 'commit', '--quiet', '--message', 'All')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function git(...args: string[]): void {
  execute(['git', ...args], { cwd: repository })
}

const USE = `
const { createCache } = require('keyedcache')
const cache = createCache({ store: 'memory' })
cache.set('a', 1).then(() => cache.get('a')).then((value) => console.log(value))
`

test('npm pack of a fresh clone makes a package that works', () => {
  const clone = join(folder, 'clone')
  execute(['git', 'clone', '--quiet', `file://${repository}`, clone])
  // In the place of `npm ci`, which would take longer than all of this, and would install the same.
  symlinkSync(resolve('node_modules'), join(clone, 'node_modules'))
  const [packed] = JSON.parse(execute(['npm', 'pack', '--json'], { cwd: clone }).replace(/^[^[]*/, ''))
  const files = packed.files.map(({ path }: { path: string }) => path)
  expect(files).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.mjs', 'views/overview.ejs']))

  const application = join(folder, 'packed')
  mkdirSync(join(application, 'node_modules/keyedcache'), { recursive: true })
  const tarball = join(clone, packed.filename)
  execute(['tar', '-xzf', tarball, '--strip-components=1', '-C', 'node_modules/keyedcache'], {
    cwd: application,
  })
  for (const name of productionDependencies('.')) {
    symlinkSync(resolve('node_modules', name), join(application, 'node_modules', name))
  }
  expect(execute(['node', '--eval', USE], { cwd: application })).toBe('1')
})

test('npm install of a git URL builds the package', () => {
  const application = join(folder, 'installed')
  mkdirSync(application)
  // Without it npm may take a folder above for the application, and change that one.
  writeFileSync(join(application, 'package.json'), '{ "private": true }')
  const options = ['--prefer-offline', '--no-audit', '--no-fund', '--legacy-peer-deps', '--no-package-lock']
  execute(['npm', 'install', ...options, `git+file://${repository}`], { cwd: application, timeout: 300_000 })
  expect(execute(['node', '--eval', USE], { cwd: application })).toBe('1')
})
