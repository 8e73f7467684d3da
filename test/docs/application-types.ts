import { type CacheOptions, createCache, keyedCache } from '../../src/index.js'

// What applications write that TypeScript must let pass, with its strictest options.

interface Quote {
  readonly price: number
}

export function options(): void {
  const port = process.env.REDIS_PORT === undefined ? undefined : Number(process.env.REDIS_PORT)
  createCache({ redis: process.env.REDIS_URL, keyPrefix: process.env.KEYEDCACHE_PREFIX, ttl: undefined })
  createCache({ timeouts: { store: undefined }, memory: { maxEntries: undefined }, requestLog: undefined })
  createCache({
    backends: { default: process.env.REDIS_URL, other: { redis: process.env.OTHER_URL } },
    alias: 'default',
  })
  keyedCache({
    redis: process.env.REDIS_URL,
    dashboard: { loginUrl: process.env.LOGIN_URL, readOnly: undefined },
  })
  const settings: CacheOptions = {
    store: undefined,
    redis: { host: '127.0.0.1', port } as { host: string; port?: number },
  }
  createCache(settings)
}

export async function reads(children?: boolean) {
  const cache = createCache()
  const views = await cache.get('views', { default: 0 })
  const more: number = views + 1
  const quote = await cache.get<Quote>('quote')
  const price: number | undefined = quote?.price
  const unknown: unknown = await cache.get('quote')
  const quotes: (Quote | undefined)[] = await cache.getMany<Quote>(['a', 'b'])
  const counts: number[] = await cache.getMany(['a', 'b'], { default: 0 })
  const text: string = await cache.getOrThrow<string>('text')
  await cache.delete('a', { children })
  await cache.set('a', 1, { ttl: undefined, overwrite: children })
  // @ts-expect-error nothing says that it is a number
  const wrong: number = await cache.get('views')
  // @ts-expect-error an option that is not known
  await cache.set('a', 1, { tags: ['x'] })
  // @ts-expect-error neither true nor false
  await cache.delete('a', { children: 'no' })
  return { more, price, unknown, quotes, counts, text, wrong }
}
