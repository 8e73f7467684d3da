import { describe, expect, test } from 'vitest'
import { internalsOf } from '../../src/cache.js'
import { named, testRows } from '../helpers/rows.js'
import { foreignScripts, openSite, words } from './site.js'

const PARTS = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '..',
  '.',
  '../../etc/hosts',
  '%2e%2e',
  'a/b',
  'a%2Fb',
  '%',
  '%zz',
  '100%',
  'a\\b',
  'a?b#c&d=e+f',
  ' blanks ',
  'a::b',
  'line\r\nbreak',
  '\u0000',
  '\u202egnp.exe',
  '\ud800',
  'žluťoučký kůň',
  '商品',
  '😀',
  '-',
  '//evil.example/',
  'javascript:alert(1)',
  '<%= 7 * 7 %>',
  '{{7*7}}',
  '*?[a]^{b}',
  '__proto__',
  'constructor',
  'x'.repeat(500),
]

describe('A key with a hostile part is listed, shown and deleted', () => {
  const places: Record<string, (part: string) => string[]> = {
    'as its only part': (part) => [part],
    'as its last part': (part) => ['family', part],
    'as its first part': (part) => [part, 'child'],
  }
  for (const [place, partsOf] of Object.entries(places)) {
    testRows(place, named(PARTS), async (part) => {
      const parts = partsOf(part)
      const { ask, cache } = await openSite()
      const { text } = cache.key(parts)
      await cache.set(parts, 'the value of it')
      const list = await ask('/cache/keys')
      const [, href = ''] = /class="key"><a href="([^"]*)"/.exec(list.text) ?? []
      expect(words(list.text)).toContain(text)
      const page = new URL(href.replaceAll('&amp;', '&').replaceAll('&#39;', "'"), 'http://here/cache/keys')
      expect(page.host).toBe('here')

      const shown = await ask(page.pathname + page.search)
      expect(shown.status).toBe(200)
      expect(words(shown.text)).toContain('the value of it')
      expectInert(shown.text)
      expectInert(list.text)
      expect((await ask(`/cache/keys/${encodeURIComponent(text)}`)).text).toContain('the value of it')
      expect(
        (
          await ask(
            `/cache/keys?under=${encodeURIComponent(text)}&q=${encodeURIComponent(part.slice(0, 200).toWellFormed())}`,
          )
        ).status,
      ).toBe(200)

      const preview = await ask(`/cache/delete?preview=yes&children=yes&key=${encodeURIComponent(text)}`)
      expect(words(preview.text)).toContain('Affected now: 1 key.')
      expectInert(preview.text)
      expect((await ask('/cache/delete', { form: { key: text } })).status).toBe(200)
      expect(await cache.has(parts)).toBe(false)
    })
  }
})

/** No tag and no attribute but the dashboard's own, and no script in the page. */
function expectInert(html: string): void {
  expect(html).not.toMatch(/<script>|<img|onerror=alert\(1\)>|' onmouseover|<%/)
  expect(foreignScripts(html)).toEqual([])
  expect(html).not.toMatch(/\son\w+="|style="|<style/)
}

test.each([
  '</pre><script>alert(1)</script>',
  { '</pre><script>alert(1)</script>': 1 },
  new Map([['</pre><script>', '</pre><script>']]),
  new Set(['<img src=x onerror=alert(1)>']),
  /<\/pre><script>/,
])('the value %j is displayed as text', async (value) => {
  const { ask, cache } = await openSite()
  await cache.set('a', value)
  const { text } = await ask('/cache/keys/a')
  expect(text).toContain('&lt;')
  expect(foreignScripts(text)).toEqual([])
  expect(text).not.toContain('<img')
})

test('users and routes are displayed as text', async () => {
  const evil = '<script>alert(1)</script>'
  const { ask, cache } = await openSite()
  const scope = internalsOf(cache).openScope({ fills: false, origin: () => ({ route: evil, user: evil }) })
  await internalsOf(cache).bindTo(scope).delete('a')
  const { text } = await ask('/cache/keys/a')
  expect(words(text)).toContain(evil)
  expect(foreignScripts(text)).toEqual([])
})

const WRONG_QUERIES = [
  '/key?key=a&key=b',
  '/key?key[]=a',
  '/key?key[x]=a',
  '/keys?q[$ne]=1',
  '/keys?under[toString]=1',
  `/keys?q=${'a'.repeat(201)}`,
  `/key?key=${'a'.repeat(5_000)}`,
  `/keys/${'a'.repeat(5_000)}`,
  '/keys?seen=-1',
  '/keys?seen=1e9',
  '/keys?seen=9999999999999999999',
  '/delete?key=a&children=maybe',
  '/delete?key=a&preview=1',
  '/key',
  '/key?key=',
  '/download',
  '/keys/%E0%A4%A',
  `/key?key=${'a::'.repeat(40)}a`,
]

testRows('a malformed query is refused with a page that explains it', named(WRONG_QUERIES), async (path) => {
  const { ask } = await openSite()
  const { status, text } = await ask(`/cache${path}`)
  expect(status).toBe(400)
  expectInert(text)
})

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
  'a parameter called %s is ignored',
  async (name) => {
    const { ask } = await openSite()
    expect((await ask(`/cache/keys?${name}=1&${name}[x]=1`)).status).toBe(200)
    expect((await ask('/cache/delete', { form: `key=a&${name}=1&${name}[x]=1` })).status).toBe(200)
  },
)

test.each([
  ['key[]=a'],
  ['key=a&key=b'],
  ['key[x]=a'],
  ['key=a&children=on'],
  ['key=a&children=yes&children=no'],
  [`key=${'a'.repeat(5_000)}`],
])('the form %s changes nothing', async (form) => {
  const { ask, cache } = await openSite()
  await cache.set('a', 1)
  expect((await ask('/cache/delete', { form })).status).toBe(400)
  expect(await cache.has('a')).toBe(true)
})

testRows(
  'a family with a hostile name is displayed as text and links to its keys',
  named(PARTS),
  async (family) => {
    const { ask, cache } = await openSite()
    await cache.set([family, 1], 'x')
    await cache.get([family, 1])
    const { text } = await ask('/cache/')
    const [shown] = cache.key([family]).segments
    const row = /<th scope="row"><a href="([^"]*)"><bdi>.*?<\/bdi>/s.exec(text)
    expect(words(row?.[0] ?? '')).toBe(
      words(`<b>${shown?.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</b>`),
    )
    expectInert(text)
    const href = (row?.[1] ?? '').replaceAll('&amp;', '&').replaceAll('&#39;', "'")
    const page = new URL(href, 'http://here/cache/')
    expect(page.host).toBe('here')
    expect((await ask(page.pathname + page.search)).text).toMatch(/class="key"><a href=/)
    expect((await ask('/cache/api/stats')).headers['content-type']).toBe('application/json; charset=utf-8')
  },
)
