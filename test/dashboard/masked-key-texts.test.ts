import { expect, test } from 'vitest'
import { maskKey } from '../../src/dashboard/masking/mask-key.js'
import { SecretNames } from '../../src/dashboard/masking/secret-names.js'
import { keyedCache } from '../../src/express/middleware.js'
import { CacheKey } from '../../src/key/cache-key.js'
import { openSite, QUIET, type Site, words } from './site.js'

const HIDDEN = 'hunter2'
const JWT = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ${HIDDEN}.dBjftJeZ4CVP`
const secrets = new SecretNames()

/** Keys with a secret within a part, and how they are listed. */
const KEYS: [parts: (string | number)[], shown: string][] = [
  [['page', `/x?token=${HIDDEN}`], 'page::/x%3Ftoken=[masked]'],
  [['page', `/token/${HIDDEN}`, 'de'], 'page::/token/[masked]'],
  [['page', `/x?token=${HIDDEN}&a=1`], 'page::/x%3Ftoken=[masked]&a=1'],
  [[`/x?token=${HIDDEN}`], '/x%3Ftoken=[masked]'],
  [['page', `token=${HIDDEN}`], 'page::token=[masked]'],
  [['db', `redis://app:${HIDDEN}@host`], 'db::redis%3A//[masked]@host'],
  [['claims', JWT], 'claims::[masked]'],
  [['query', `{"password":"${HIDDEN}","a":1}`], 'query::%7B%22password%22%3A[masked],%22a%22%3A1%7D'],
  [['query', `/x?pass%77ord=${HIDDEN}`], 'query::/x%3Fpass%2577ord=[masked]'],
  [['api', 'key', HIDDEN], 'api::key::[masked]'],
  [
    ['page', `/${'x'.repeat(30)}?token=${HIDDEN}${'y'.repeat(200)}`],
    `page::/${'x'.repeat(30)}%3Ftoken=[masked]`,
  ],
]

test.each(KEYS)('%j is listed as %s', (parts, shown) => {
  const key = CacheKey.from(parts)
  for (const asked of [key, key.text]) {
    const { text, unescaped, key: whole } = maskKey(asked, secrets)
    expect(text).toBe(shown.endsWith('/[masked]') && parts.length > 2 ? `${shown}::[masked]` : shown)
    expect(unescaped).not.toContain(HIDDEN)
    expect(whole).toBeUndefined()
  }
})

test.each([
  ['page', '/x?page=2'],
  ['author', 'anna'],
  ['a=b', 1],
  ['product', 'compass'],
  ['2026-01-31T12:00:00Z'],
])('%j is listed unchanged', (...parts) => {
  const key = CacheKey.from(parts)
  expect(maskKey(key, secrets)).toMatchObject({ text: key.text, key })
})

const pagesOf = (family: string) => [
  ...[
    '/',
    '/keys',
    '/keys?whole=yes',
    '/events',
    '/requests',
    '/api/stats',
    '/api/keys',
    '/api/events',
    '/api/requests',
  ],
  `/keys?under=${encodeURIComponent(family)}`,
  `/delete?key=${encodeURIComponent(family)}&children=yes&preview=yes`,
]

async function openUsed(parts: (string | number)[]): Promise<{ site: Site; family: string }> {
  const site = await openSite({
    cache: { requestLog: true, logger: QUIET },
    before: (app) => {
      app.use((req, res, next) => handler(req, res, next))
      app.get('/token/:id', async (req, res) => {
        await req.cache.get(parts)
        await req.cache.set(parts, 'a value')
        await req.cache.delete([...parts, 'below'])
        res.end()
      })
    },
  })
  const handler = keyedCache(site.cache, {
    dashboard: false,
    audit: () => ({ route: `GET /token/${HIDDEN}`, user: JWT }),
  })
  await site.ask(`/token/${HIDDEN}`)
  return { site, family: site.cache.key(parts).segments[0] as string }
}

test.each(KEYS)('%j is masked wherever keys, routes and users are listed', async (parts) => {
  const { site, family } = await openUsed(parts)
  for (const page of pagesOf(parts.length === 1 ? 'page' : family)) {
    const { text, status } = await site.ask(`/cache${page}`)
    expect(status, page).toBe(200)
    expect(text, page).not.toContain(HIDDEN)
  }
  const listed = words((await site.ask('/cache/keys')).text)
  expect(listed).toContain('1 found')
  expect(listed).toContain('[masked]')
  const events = words((await site.ask('/cache/events')).text)
  expect(events).toContain('GET /token/[masked]')
})

test.each(KEYS)('%j is not found by its masked part', async (parts) => {
  const { site } = await openUsed(parts)
  for (const q of [HIDDEN, `=${HIDDEN}`, 'hunter', '[masked]', 'masked']) {
    const asked = `q=${encodeURIComponent(q)}`
    expect(words((await site.ask(`/cache/keys?${asked}`)).text), q).toContain('No matches')
    expect(words((await site.ask(`/cache/keys?${asked}&whole=yes`)).text), q).toContain('No matches')
    expect(JSON.parse((await site.ask(`/cache/api/keys?${asked}`)).text).keys, q).toEqual([])
    for (const list of ['events', 'requests']) {
      const { matching } = JSON.parse((await site.ask(`/cache/api/${list}?${asked}`)).text)
      if (!q.includes('masked')) expect(matching, `${list} ${q}`).toBe(0)
    }
  }
})

test('the visible part of such a key is found, escaped or plain', async () => {
  const { ask, cache } = await openSite()
  await cache.set(['page', `/x?token=${HIDDEN}&a=1`], 1)
  for (const q of ['/X?tok', '%3Ftoken=', '&a=1', 'page::/x'])
    expect(words((await ask(`/cache/keys?q=${encodeURIComponent(q)}`)).text), q).toContain('1 found')
})

test('its page has the name that was typed, and no value', async () => {
  const { ask, cache } = await openSite()
  const key = cache.key('page', `/x?token=${HIDDEN}`)
  await cache.set(key, 'a value')
  const { text } = await ask(`/cache/key?key=${encodeURIComponent(key.text)}`)
  expect(/<h1[^>]*>(.*?)<\/h1>/s.exec(text)?.[1]).toContain(HIDDEN)
  expect(words(text)).not.toContain('a value')
})

test('names added by the application are masked in texts and keys', async () => {
  const { ask, cache } = await openSite({ dashboard: { redact: ['iban', /^x-internal/i] } })
  await cache.set(['page', `/x?iban=${HIDDEN}`], 1)
  await cache.set('note', { text: `X-Internal-Note: ${HIDDEN}`, data: Buffer.from(`{"IBAN":"${HIDDEN}"}`) })
  expect((await ask('/cache/keys')).text).not.toContain(HIDDEN)
  const saved = (await ask('/cache/download?key=note')).text
  expect(saved).toBe('{\n  text: "X-Internal-Note: [masked]",\n  data: Buffer(18) [masked],\n}\n')
})
