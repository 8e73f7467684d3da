import { type Operation, value } from './operation.js'

/** Requests a page: its status, and of a page that is shown whether it says that the store is not responding. */
function page(path: string, form?: Readonly<Record<string, string>>): Operation['run'] {
  return async ({ ask }) => {
    const { status, body } = await ask(path, form)
    if (status === 200) return [status, /Store not responding|the store is not responding/.test(body)]
    return [status]
  }
}

const SHOWN_WITH_WARNING = {
  served: value([200, false]),
  failed: value([200, true]),
  inWords: { served: '200', failed: '200, and says that the store is not responding' },
}
const UNAVAILABLE = {
  served: value([200, false]),
  failed: value([503]),
  inWords: { served: '200', failed: '503' },
}

/** Pages of the dashboard. */
export const PAGE_OPERATIONS: readonly Operation[] = [
  {
    name: 'dashboard: overview',
    needs: ['report', 'history', 'usage', 'list'],
    run: page('/'),
    ...SHOWN_WITH_WARNING,
    deadlines: 5,
  },
  {
    name: 'dashboard: processes',
    needs: ['report', 'history'],
    run: page('/processes'),
    ...SHOWN_WITH_WARNING,
    deadlines: 5,
  },
  {
    name: 'dashboard: events',
    needs: ['report'],
    run: page('/events'),
    ...SHOWN_WITH_WARNING,
    deadlines: 5,
  },
  {
    name: 'dashboard: requests',
    needs: ['report'],
    run: page('/requests'),
    ...SHOWN_WITH_WARNING,
    deadlines: 5,
  },
  {
    name: 'dashboard: keys',
    needs: ['list'],
    run: page('/keys'),
    ...SHOWN_WITH_WARNING,
    deadlines: 4,
  },
  {
    name: 'dashboard: search in all keys',
    needs: ['list'],
    run: page('/keys?q=tree&whole=yes'),
    ...SHOWN_WITH_WARNING,
    deadlines: 4,
  },
  {
    name: 'dashboard: a key',
    needs: ['peek', 'report'],
    run: page('/keys/tree::a'),
    ...SHOWN_WITH_WARNING,
    deadlines: 4,
  },
  {
    name: 'dashboard: download',
    needs: ['peek'],
    run: page('/download?key=tree::a'),
    ...UNAVAILABLE,
    deadlines: 4,
  },
  {
    name: 'dashboard: preview of a delete',
    needs: ['list'],
    run: page('/delete?key=tree&children=yes&preview=yes'),
    ...SHOWN_WITH_WARNING,
    deadlines: 4,
  },
  {
    name: 'dashboard: delete',
    needs: ['invalidate'],
    run: page('/delete', { key: 'tree::a' }),
    ...UNAVAILABLE,
    invalidates: ['tree::a'],
    deadlines: 5,
  },
  {
    name: 'dashboard: expire',
    needs: ['invalidate'],
    run: page('/delete', { key: 'tree::b', how: 'expire' }),
    ...UNAVAILABLE,
    invalidates: ['tree::b'],
    deadlines: 5,
  },
  {
    name: 'dashboard: link without the cache',
    needs: ['secret'],
    run: page('/bypass', { path: '/' }),
    served: value([303]),
    failed: value([503]),
    inWords: { served: '303', failed: '503' },
    deadlines: 2,
  },
  ...(['stats', 'processes'] as const).map((name) => ({
    name: `JSON of the dashboard: ${name}`,
    needs: ['report', 'history'] as const,
    run: page(`/api/${name}`),
    ...UNAVAILABLE,
    deadlines: 5,
  })),
  ...(['events', 'requests'] as const).map((name) => ({
    name: `JSON of the dashboard: ${name}`,
    needs: ['report'] as const,
    run: page(`/api/${name}`),
    ...UNAVAILABLE,
    deadlines: 5,
  })),
  {
    name: 'JSON of the dashboard: keys',
    needs: ['list'],
    run: page('/api/keys'),
    ...UNAVAILABLE,
    deadlines: 4,
  },
  {
    name: 'JSON of the dashboard: key',
    needs: ['peek', 'report'],
    run: page('/api/key?key=tree::a'),
    ...UNAVAILABLE,
    deadlines: 4,
  },
]
