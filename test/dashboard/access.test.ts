import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { signIn } from '../helpers/sign-in.js'
import { ANONYMOUS, type Asking, openSite, words } from './site.js'

const PAGES = [
  '/',
  '',
  '/keys',
  '/keys/product::1',
  '/key?key=a',
  '/download?key=a',
  '/delete',
  '/clear',
  '/events',
  '/requests',
  '/bypass',
  '/nowhere',
]
test.each(PAGES)('%s is closed to anonymous users and customers', async (page) => {
  const { ask } = await openSite()
  const stranger = await ask(`/cache${page}`, ANONYMOUS)
  expect(stranger.status).toBe(401)
  expect(stranger.headers['www-authenticate']).toBeDefined()
  expect((await ask(`/cache${page}`, { as: 'customer' })).status).toBe(403)
  const site = await openSite({ dashboard: { loginUrl: '/login' } })
  const sent = await site.ask(`/cache${page}`, ANONYMOUS)
  expect(sent.status).toBe(302)
  expect(sent.headers.location).toBe(`/login?next=${encodeURIComponent(`/cache${page}`)}`)
  expect((await site.ask(`/cache${page}`, { as: 'customer' })).status).toBe(403)
})

test('a form of an anonymous user or a customer changes nothing', async () => {
  const { ask, cache } = await openSite()
  await cache.set('a', 1)
  for (const as of [{ ...ANONYMOUS }, { as: 'customer' }] satisfies Asking[]) {
    const asking = { ...as, headers: { ...('headers' in as && as.headers) } }
    expect((await ask('/cache/delete', { ...asking, form: { key: 'a' } })).status).toBeGreaterThan(400)
    expect((await ask('/cache/clear', { ...asking, form: { prefix: 'shop' } })).status).toBeGreaterThan(400)
  }
  expect(await cache.get('a')).toBe(1)
})

test('a refusal contains nothing about the page', async () => {
  const { ask, cache } = await openSite({ cache: { keyPrefix: 'geheim' } })
  await cache.set('product', 1)
  for (const asking of [ANONYMOUS, { as: 'customer' as const }]) {
    expect((await ask('/cache/', asking)).text).not.toMatch(/geheim|in-memory|product/)
  }
})

test('the page explains where to mount it when req.user was never set', async () => {
  const { ask } = await openSite()
  expect(words((await ask('/cache/', ANONYMOUS)).text)).toContain('Mount the cache after the authentication')
  const passport = await openSite({
    before: (app) => app.use(signIn(null)),
  })
  expect((await passport.ask('/cache/', ANONYMOUS)).text).not.toContain('Mount the cache')
  const basic = await openSite({ dashboard: { isStaff: () => false } })
  expect((await basic.ask('/cache/', ANONYMOUS)).text).not.toContain('Mount the cache')
})

describe('the way back from the login page', () => {
  test.each([
    ['//evil.example/cache', '/'],
    ['/\\evil.example/cache', '/:tenant/cache'],
    ['//evil.example/', '/'],
    ['http://evil.example/cache/', '/cache'],
  ])('never leads to another site: %s', async (path, mount) => {
    const { ask } = await openSite({ mount, dashboard: { loginUrl: '/login?a=1#top' } })
    const { status, headers } = await ask(path, ANONYMOUS)
    expect(status).toBe(302)
    const login = new URL(headers.location as string, 'http://here')
    expect(login.pathname + login.hash).toBe('/login#top')
    expect(login.searchParams.get('a')).toBe('1')
    expect(new URL(login.searchParams.get('next') as string, 'http://here').host).toBe('here')
  })

  test('leads to a page, never to a change', async () => {
    const { ask } = await openSite({ dashboard: { loginUrl: 'https://login.example/' } })
    const { headers } = await ask('/cache/delete', { ...ANONYMOUS, form: { key: 'a' } })
    expect(headers.location).toBe('https://login.example/?next=%2Fcache%2F')
  })
})

describe('isStaff', () => {
  test('may be a function of the application', async () => {
    const { ask } = await openSite({ dashboard: { isStaff: async (req) => req.get('x-team') === 'ops' } })
    expect((await ask('/cache/', { ...ANONYMOUS, headers: { 'x-team': 'ops' } })).status).toBe(200)
    expect((await ask('/cache/')).status).toBe(403)
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('database is down')
      },
    ],
    ['rejects', () => Promise.reject(new Error('database is down'))],
  ])('that %s counts as not staff, and is logged once', async (_how, isStaff) => {
    const logged: string[] = []
    const { ask } = await openSite({
      cache: { logger: { warn: (message) => logged.push(message) } },
      dashboard: { isStaff },
    })
    const replies = [await ask('/cache/'), await ask('/cache/', ANONYMOUS), await ask('/cache/api/stats')]
    expect(replies.map(({ status }) => status)).toEqual([403, 401, 403])
    expect(replies.map(({ text }) => text.includes('isStaff failed'))).toEqual([true, false, true])
    for (const { text } of replies) expect(text).not.toContain('database')
    expect(logged).toEqual([
      'keyedcache: the dashboard: isStaff failed, which counts as not staff. Error: database is down',
    ])
    const site = await openSite({ dashboard: { isStaff, loginUrl: '/login' } })
    const { status, headers } = await site.ask('/cache/', ANONYMOUS)
    expect([status, headers.location]).toEqual([302, '/login?next=%2Fcache%2F'])
    expect((await site.ask('/cache/')).status).toBe(403)
  })

  test('that expects a user sends a stranger to the login page', async () => {
    const logged: string[] = []
    const { ask } = await openSite({
      cache: { logger: { warn: (message) => logged.push(message) } },
      dashboard: {
        isStaff: (req) => (req as unknown as { user: { is_staff: boolean } }).user.is_staff,
        loginUrl: '/login',
      },
    })
    expect((await ask('/cache/', ANONYMOUS)).status).toBe(302)
    expect((await ask('/cache/')).status).toBe(200)
    expect(logged).toEqual([expect.stringMatching(/isStaff failed, .* TypeError: Cannot read properties/)])
  })

  test('that does not return within ten seconds counts as not staff, and is logged', async () => {
    const logged: string[] = []
    let isAsked = () => {}
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve
    })
    const { ask } = await openSite({
      cache: { logger: { warn: (message) => logged.push(message) } },
      dashboard: {
        isStaff() {
          isAsked()
          return new Promise<boolean>(() => {})
        },
        loginUrl: '/login',
      },
    })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const reply = ask('/cache/', ANONYMOUS)
    await asked
    await vi.advanceTimersByTimeAsync(10_000)
    expect((await reply).status).toBe(302)
    expect(logged).toEqual([expect.stringContaining('isStaff did not return within 10 seconds.')])
  })

  test.each([1, 'yes', {}, null])('grants access for true alone, not for %j', async (answer) => {
    const { ask } = await openSite({ dashboard: { isStaff: () => answer as boolean } })
    expect((await ask('/cache/')).status).toBe(403)
  })

  test.each([1, 'true', undefined])('is_staff must be true, not %j', async (is_staff) => {
    const { ask } = await openSite({
      before: (app) => app.use(signIn({ is_staff })),
    })
    expect((await ask('/cache/')).status).toBe(403)
  })

  test.each<[unknown, string]>([
    [1, 'req.user.is_staff is the number 1; it must be true'],
    ['1', 'req.user.is_staff is the string "1"; it must be true'],
    ['true', 'req.user.is_staff is the string "true"; it must be true'],
    ['<b>\u0000'.padEnd(100, 'x'), 'req.user.is_staff is the string "<b>\\u0000'],
    [null, 'req.user.is_staff is null; it must be true'],
    [{ secret: 'hunter2' }, 'req.user.is_staff is an object; it must be true'],
    [['hunter2'], 'req.user.is_staff is an array; it must be true'],
    [() => true, 'req.user.is_staff is a function; it must be true'],
    [2n ** 70n, 'req.user.is_staff is a bigint; it must be true'],
    [undefined, 'req.user has no is_staff; it must be true'],
  ])('a signed-in user is shown the value of is_staff, and the right option: %s', async (is_staff, said) => {
    const { ask } = await openSite({
      before: (app) => app.use(signIn({ is_staff, username: 'anna', email: 'anna@example.com' })),
    })
    const page = await ask('/cache/')
    const data = await ask('/cache/api/stats')
    expect([page.status, data.status]).toEqual([403, 403])
    const { error } = JSON.parse(data.text)
    for (const text of [words(page.text), `${error.message} ${error.hint}`]) {
      expect(text).toContain(said)
      expect(text).toContain('isStaff: (req) => req.user?.is_staff === 1')
      expect(text).not.toMatch(/anna|hunter2|x{60}/)
    }
    expect(page.text).not.toContain('<b>')
  })

  test('customers and anonymous users are shown none of this', async () => {
    const isNone = await openSite({ before: (app) => app.use(signIn({ is_staff: false })) })
    const closed = await isNone.ask('/cache/')
    expect(closed.status).toBe(403)
    expect(closed.text).not.toMatch(/is_staff|isStaff/)
    const { ask } = await openSite({ dashboard: { isStaff: () => 1 as never } })
    const stranger = await ask('/cache/', ANONYMOUS)
    expect(stranger.status).toBe(401)
    expect(stranger.text).not.toMatch(/is_staff|isStaff/)
  })

  test.each<[string, unknown, string]>([
    ['the number', 1, 'returned the number 1. Only true, or a promise of true, gives access.'],
    ['a text', Promise.resolve('yes'), 'returned the string "yes".'],
    ['an object', { name: 'anna' }, 'returned an object.'],
    ['nothing', undefined, 'returned undefined.'],
  ])(
    'of the application that returns %s is named on the page, and once in the log',
    async (_how, answer, said) => {
      const logged: string[] = []
      const { ask } = await openSite({
        cache: { logger: { warn: (message) => logged.push(message) } },
        dashboard: { isStaff: () => answer as boolean },
      })
      for (const page of ['/cache/', '/cache/api/stats']) {
        const { status, text } = await ask(page)
        expect(status).toBe(403)
        expect(words(text).replaceAll('\\"', '"')).toContain(said)
        expect(text).not.toContain('anna')
      }
      await ask('/cache/', ANONYMOUS)
      expect(logged).toHaveLength(1)
      expect(logged[0]).toContain(`isStaff ${said}`)
    },
  )

  test('of the application that returns false is neither named nor logged', async () => {
    const logged: string[] = []
    const { ask } = await openSite({
      cache: { logger: { warn: (message) => logged.push(message) } },
      dashboard: { isStaff: async () => false },
    })
    expect((await ask('/cache/')).text).not.toContain('isStaff')
    expect(logged).toEqual([])
  })
})

test('readOnly is enforced on the server', async () => {
  const { ask, cache } = await openSite({ dashboard: { readOnly: true } })
  await cache.set('a', 1)
  for (const page of ['/delete', '/clear']) {
    expect((await ask(`/cache${page}`)).status).toBe(403)
    const reply = await ask(`/cache${page}`, { form: { key: 'a', prefix: 'shop' } })
    expect(reply.status).toBe(403)
    expect(words(reply.text)).toContain('read-only')
  }
  expect(await cache.get('a')).toBe(1)
  expect((await ask('/cache/keys/a')).text).not.toMatch(/href="[^"]*delete/)
  expect((await ask('/cache/')).status).toBe(200)
})

test.each<[object, string]>([
  [{ redact: ['x'], readonly: true }, 'did you mean "readOnly"'],
  [{ redact: { onyl: ['x'] } }, 'did you mean "only"'],
  [{ isStaff: true }, 'isStaff must be a function, not true.'],
  [{ audit: 'req.user' }, 'audit must be a function, not "req.user".'],
  [{ csrf: { token: () => '', verify: 1 } }, 'verify of csrf must be a function, not 1.'],
  [{ origins: ['shop.example'] }, 'https://admin.example.com'],
  [{ loginUrl: '//evil.example' }, 'loginUrl'],
  [{ csrf: { token: () => '' } }, 'verify'],
  [{ redact: [''] }, 'redact'],
  [{ isStaff: true }, 'isStaff'],
  [{ path: '/cache' }, "app.use('/cache', handler.dashboard())"],
  [{ redact: 'iban' }, "Write ['iban']"],
  [{ views: '/nowhere' }, 'copy the folder views of the package keyedcache there'],
  [{ views: true }, 'views must be'],
])('the options %j are refused with a message that explains it', async (dashboard, message) => {
  await expect(openSite({ dashboard })).rejects.toThrow(message)
})
