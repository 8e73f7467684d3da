import { expect, test } from 'vitest'
import { ANONYMOUS, type Asking, openSite, type Reply } from './site.js'

function expectGuarded({ headers }: Reply): void {
  const policy = headers['content-security-policy'] ?? ''
  for (const part of [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "form-action 'self'",
    "base-uri 'none'",
  ]) {
    expect(policy).toContain(part)
  }
  expect(policy).not.toMatch(/unsafe|https?:|\*/)
  expect(headers['referrer-policy']).toBe('same-origin')
  expect(headers['x-content-type-options']).toBe('nosniff')
  expect(headers['x-frame-options']).toBe('DENY')
}

test.each<[string, number, Asking?]>([
  ['/', 200],
  ['/keys', 200],
  ['/keys/a', 200],
  ['/keys?whole=yes', 200],
  ['/api/keys', 200],
  ['/api/key?key=a', 200],
  ['/key?key=nothing', 200],
  ['/download?key=a', 200],
  ['/delete', 200],
  ['/clear', 200],
  ['/bypass', 200],
  ['/bypass', 400, { form: 'path=//evil.example' }],
  ['/keys/%', 400],
  ['/', 401, ANONYMOUS],
  ['/', 403, { as: 'customer' }],
  ['/delete', 403, { form: 'key=a', headers: { 'sec-fetch-site': 'cross-site' } }],
  ['/nowhere', 404],
  ['/download?key=nothing', 404],
  ['/assets/nothing.css', 404],
  ['/assets/../dashboard.css', 404],
  ['/assets/%2e%2e%2foverview.ejs', 404],
  ['/keys', 405, { form: 'key=a' }],
  ['/delete', 405, { method: 'DELETE' }],
  ['/delete', 413, { form: `key=${'a'.repeat(70_000)}` }],
  ['/delete', 415, { form: '{}', headers: { 'content-type': 'application/json' } }],
  ['/delete', 200, { form: 'key=a' }],
  ['/delete', 400, { form: 'key=' }],
  ['/done', 404],
])('%s with status %i has all security headers', async (path, status, asking) => {
  const { ask, cache } = await openSite()
  await cache.set('a', 1)
  const reply = await ask(`/cache${path}`, asking)
  expect(reply.status).toBe(status)
  expectGuarded(reply)
  expect(reply.headers['cache-control']).toBe('no-store')
  if (status >= 400) expect(reply.text).toContain('<link rel="stylesheet"')
  if (status === 405) expect(reply.headers.allow).toBe(path === '/keys' ? 'GET, HEAD' : 'GET, HEAD, POST')
})

test('a page that fails has all security headers, and does not show the reason', async () => {
  const logged: string[] = []
  const { ask, cache } = await openSite({ cache: { logger: { warn: (message) => logged.push(message) } } })
  cache.stats = () => {
    throw new Error('a secret of the programmer')
  }
  const reply = await ask('/cache/')
  expect(reply.status).toBe(500)
  expect(reply.text).not.toContain('programmer')
  expect(logged.join()).toContain('a secret of the programmer')
  expectGuarded(reply)
})

test.each([
  '/',
  '/keys',
  '/keys?whole=yes',
  '/keys/a',
  '/download?key=a',
  '/nowhere',
  '/assets/dashboard.css',
])('HEAD of %s is GET without its body', async (path) => {
  const { ask, cache } = await openSite()
  await cache.set('a', 1)
  const got = await ask(`/cache${path}`)
  const head = await ask(`/cache${path}`, { method: 'HEAD' })
  expect(head.text).toBe('')
  expect(head.status).toBe(got.status)
  expect(head.headers['content-type']).toBe(got.headers['content-type'])
})

test.each([
  ['dashboard.css', 'text/css; charset=utf-8'],
  ['dashboard.js', 'text/javascript; charset=utf-8'],
  ['live.js', 'text/javascript; charset=utf-8'],
  ['icon.svg', 'image/svg+xml'],
])('%s is served with its type, and cached by the browser', async (name, type) => {
  const { ask } = await openSite()
  const first = await ask(`/cache/assets/${name}`, ANONYMOUS)
  expect(first.status).toBe(200)
  expect(first.headers['content-type']).toBe(type)
  expectGuarded(first)
  const again = await ask(`/cache/assets/${name}`, { headers: { 'if-none-match': first.headers.etag } })
  expect(again.status).toBe(304)
  expect(again.text).toBe('')
})

test('a download is an attachment, never displayed', async () => {
  const { ask, cache } = await openSite()
  await cache.set(['a"\r\nX-Injected: b', '..', 'ž'], '<script>alert(1)</script>')
  const key = cache.key(['a"\r\nX-Injected: b', '..', 'ž']).text
  const { headers, text } = await ask(`/cache/download?key=${encodeURIComponent(key)}`)
  expect(headers['content-type']).toBe('text/plain; charset=utf-8')
  expect(headers['content-disposition']).toMatch(/^attachment; filename="[\w-]+\.txt"$/)
  expect(headers['x-injected']).toBeUndefined()
  expect(text).toContain('<script>')
})
