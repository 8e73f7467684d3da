import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Application, createApplication } from './application.js'

// A process for each test.
vi.setConfig({ testTimeout: 60_000 })

let application: Application
/** One that has nothing beside the package. */
let bare: Application

beforeAll(() => {
  application = createApplication(['express', 'ioredis'])
  bare = createApplication()
}, 240_000)

afterAll(() => {
  application.remove()
  bare.remove()
})

test('contains the files that it needs, and no others', () => {
  const { packedFiles } = application
  const wanted = ['dist/index.js', 'dist/index.mjs', 'dist/index.d.ts', 'dist/index.d.mts', 'LICENSE']
  expect(packedFiles).toEqual(expect.arrayContaining([...wanted, 'dist/LICENSES.txt']))
  expect(packedFiles).toContainEqual(expect.stringMatching(/^views\/.*\.ejs$/))
  const known =
    /^(dist|views|docs)\/|^(package\.json|LICENSE|README\.md|CHANGELOG\.md|CONTRIBUTING\.md|SECURITY\.md|(bench|example-app)\/README\.md)$/
  expect(packedFiles.filter((file) => !known.test(file))).toEqual([])
})

test('contains all files that its README and documents link to', () => {
  const { packedFiles } = application
  const pages = packedFiles.filter((file) => file.endsWith('.md'))
  const broken = pages
    .flatMap((page) => linksOf(page).map((to) => `${page} -> ${to}`))
    .filter((link) => {
      const to = link.split(' -> ')[1] ?? ''
      return !packedFiles.some((file) => file === to || file.startsWith(`${to}/`))
    })
  expect(pages).toContain('README.md')
  expect(broken).toEqual([])
})

/** What a page of this checkout links to, as paths from the root. Other sites aside. */
function linksOf(page: string): string[] {
  const links = readFileSync(page, 'utf8').matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)|(?:src|href)="([^"#]+)"/g)
  return [...links]
    .map(([, link, attribute]) => link ?? attribute ?? '')
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => posix.join(posix.dirname(page), link).replace(/\/$/, ''))
}

test('contains the licences of its bundled packages', () => {
  const licences = readFileSync('dist/LICENSES.txt', 'utf8')
  expect(licences).toMatch(/^leven \d/)
  expect(licences).toContain('Copyright (c) Sindre Sorhus')
  expect(readFileSync('dist/chunks/core.js', 'utf8')).not.toMatch(/require\("leven"\)/)
})

test('is one module, imported or required', () => {
  application.write(
    'both.mjs',
    `
import * as imported from 'keyedcache'
import { createRequire } from 'node:module'

const required = createRequire(import.meta.url)('keyedcache')
const same = Object.keys(required).filter((name) => required[name] === imported[name])
const cache = required.createCache({ store: 'memory' })
class Thing extends imported.CachedObject(undefined, { ttl: 5 }) { id = 1 }
const found = await new Thing().cacheSet()
const error = await cache.getOrThrow('nothing').catch((error) => error)
console.log(JSON.stringify({
  same,
  different: Object.keys({ ...imported, ...required }).filter((name) => !same.includes(name)),
  found,
  isOneClass: error instanceof imported.NotCachedError && cache instanceof imported.KeyedCache,
}))
`,
  )
  const { same, ...rest } = JSON.parse(application.run(['node', 'both.mjs']))
  expect(same).toEqual(expect.arrayContaining(['createCache', 'keyedCache', 'CacheKey', 'CHANNELS']))
  expect(rest).toEqual({ different: [], found: true, isOneClass: true })
})

test('loads neither ioredis nor the dashboard before they are used', () => {
  application.write(
    'lazy.cjs',
    `
const { createCache, keyedCache } = require('keyedcache')
const express = require('express')

const isLoaded = (name) => Object.keys(require.cache).some((file) => file.includes('/node_modules/' + name + '/'))
const seen = []
const see = () => seen.push(['ioredis', 'ejs'].filter(isLoaded).join())
see()
const handler = keyedCache({ store: 'memory', dashboard: { isStaff: () => true } })
const app = express().use(handler).get('/', (req, res) => res.end('home'))
const server = app.listen(0, '127.0.0.1', async () => {
  const url = 'http://127.0.0.1:' + server.address().port
  await fetch(url + '/')
  see()
  await fetch(url + '/cache/')
  see()
  const cache = createCache({ redis: 'redis://127.0.0.1:1', keyPrefix: 'lazy', logger: { warn() {} } })
  see()
  console.log(JSON.stringify(seen))
  await cache.close()
  server.close()
  server.closeAllConnections()
})
`,
  )
  expect(JSON.parse(application.run(['node', 'lazy.cjs']))).toEqual(['', '', 'ejs', 'ioredis,ejs'])
})

test.each(['require', 'import'])('works without ioredis and Express (%s)', (how) => {
  const load = how === 'require' ? "require('keyedcache')" : "await import('keyedcache')"
  bare.write(
    'memory.cjs',
    `
async function main() {
  const { createCache, ConfigurationError } = ${load}
  const cache = createCache({ store: 'memory' })
  await cache.set('a', 1)
  const value = await cache.get('a')
  try {
    createCache({ redis: 'redis://127.0.0.1:6379', keyPrefix: 'shop' })
  } catch (error) {
    console.log(JSON.stringify({ value, refused: error instanceof ConfigurationError && error.message }))
  }
}
main()
`,
  )
  expect(JSON.parse(bare.run(['node', 'memory.cjs']))).toEqual({
    value: 1,
    refused: expect.stringContaining('npm install ioredis'),
  })
})
