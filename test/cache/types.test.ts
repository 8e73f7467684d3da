import { expectTypeOf, test } from 'vitest'
import type { DeleteOptions, ExpireOptions, GetOptions, KeyedCache, SetOptions } from '../../src/cache.js'
import type { CachedOptions } from '../../src/compute/cached-functions.js'
import type { Factory } from '../../src/compute/factory.js'
import type { GetOrSetOptions } from '../../src/compute/options.js'
import type { CsrfHook, DashboardOptions } from '../../src/dashboard/mount.js'
import type { keyedCache, MiddlewareOptions } from '../../src/express/middleware.js'
import type { CachedObjectOptions, FindOptions } from '../../src/model/cached-object.js'
import type { CacheOptions, ProcessMemoryOption } from '../../src/options.js'
import type { MemoryStoreOptions } from '../../src/store/memory-store.js'
import type { ListOptions } from '../../src/store/store.js'

/** A test for the compiler: it does not run. */
const compiles = (_: (cache: KeyedCache) => unknown) => () => {}

interface Quote {
  readonly price: number
}

test(
  'The result of get has the explicit type, else the type of the default, else unknown',
  compiles(async (cache) => {
    expectTypeOf(await cache.get('a')).toEqualTypeOf<unknown>()
    expectTypeOf(await cache.get('a', {})).toEqualTypeOf<unknown>()
    expectTypeOf(await cache.get<Quote>('a')).toEqualTypeOf<Quote | undefined>()
    expectTypeOf(await cache.get<Quote>('a', { default: { price: 5 } })).toEqualTypeOf<Quote>()
    expectTypeOf(await cache.get<Quote | null>('a', { default: null })).toEqualTypeOf<Quote | null>()
    expectTypeOf(await cache.get<Quote, null>('a', { default: null })).toEqualTypeOf<Quote | null>()
    expectTypeOf(await cache.get('a', { default: 5 })).toEqualTypeOf<number>()
    expectTypeOf(await cache.get('a', { default: 'none' })).toEqualTypeOf<string>()
    expectTypeOf(await cache.get('a', { default: false })).toEqualTypeOf<boolean>()
    // @ts-expect-error it may be missing
    const quote: Quote = await cache.get<Quote>('a')
    // @ts-expect-error a misspelt option
    await cache.get('a', { defualt: 1 })
    return quote
  }),
)

test(
  'The results of getMany and getOrThrow have the same types',
  compiles(async (cache) => {
    expectTypeOf(await cache.getMany(['a'])).toEqualTypeOf<unknown[]>()
    expectTypeOf(await cache.getMany<Quote>(['a'])).toEqualTypeOf<(Quote | undefined)[]>()
    expectTypeOf(await cache.getMany(['a'], { default: 0 })).toEqualTypeOf<number[]>()
    expectTypeOf(await cache.getMany<Quote, null>(['a'], { default: null })).toEqualTypeOf<(Quote | null)[]>()
    expectTypeOf(await cache.getOrThrow('a')).toEqualTypeOf<unknown>()
    expectTypeOf(await cache.getOrThrow<Quote>('a')).toEqualTypeOf<Quote>()
  }),
)

test(
  'The result of getOrSet has the type of its factory, also when the factory takes a context',
  compiles(async (cache) => {
    const find = async (_id: unknown, _signal?: AbortSignal): Promise<Quote> => ({ price: 5 })
    expectTypeOf(await cache.getOrSet('a', () => find('a'))).toEqualTypeOf<Quote>()
    expectTypeOf(await cache.getOrSet('a', () => 5)).toEqualTypeOf<number>()
    expectTypeOf(await cache.getOrSet('a', ({ key, signal }) => find(key, signal))).toEqualTypeOf<Quote>()
    expectTypeOf(
      await cache.getOrSet('a', async ({ setTtl, skip }) => {
        const quote = await find('a')
        setTtl('5m')
        return quote.price > 0 ? quote : skip(null)
      }),
    ).toEqualTypeOf<Quote | null>()
    const priceOf = ({ price }: Quote) => (price > 5 ? 60 : undefined)
    expectTypeOf(
      await cache.getOrSet('a', ({ key }) => find(key), { ttl: (quote) => priceOf(quote) }),
    ).toEqualTypeOf<Quote>()
    const factory: Factory<Quote> = ({ previous }) => previous ?? find('a')
    expectTypeOf(await cache.getOrSet('a', factory)).toEqualTypeOf<Quote>()
    const named = await cache.getOrSet<Quote>('a', ({ previous, hasPrevious, notModified }) => {
      expectTypeOf(previous).toEqualTypeOf<Quote | undefined>()
      return hasPrevious ? notModified() : find('a')
    })
    expectTypeOf(named).toEqualTypeOf<Quote>()
    // @ts-expect-error without the name of the type nothing is known of the previous value
    await cache.getOrSet('a', ({ previous }) => find(previous?.price))
    // @ts-expect-error not what the type says
    await cache.getOrSet<Quote>('a', () => 5)
    // @ts-expect-error a misspelt option
    await cache.getOrSet('a', () => 5, { tll: 1 })
  }),
)

test(
  'The result of getOrSetMany has the type of its factory',
  compiles(async (cache) => {
    const find = async (_ids: readonly string[]): Promise<Quote[]> => []
    expectTypeOf(await cache.getOrSetMany(['a'], find)).toEqualTypeOf<Quote[]>()
    expectTypeOf(await cache.getOrSetMany(['a'], (missing) => find(missing))).toEqualTypeOf<Quote[]>()
    expectTypeOf(
      await cache.getOrSetMany(['a'], async (missing, contexts) => {
        contexts[0]?.setTtl(5)
        return find(missing)
      }),
    ).toEqualTypeOf<Quote[]>()
    await cache.getOrSetMany<string, Quote>(['a'], (missing, [first]) => {
      expectTypeOf(first?.previous).toEqualTypeOf<Quote | undefined>()
      return find(missing)
    })
    // @ts-expect-error keys are texts
    await cache.getOrSetMany(['a'], (missing) => missing.map((id) => id * 2))
  }),
)

/** The optional properties that may be left out and not be `undefined`. */
type Strict<T> = {
  [Name in keyof T]-?: object extends Pick<T, Name>
    ? Record<Name, undefined> extends Pick<T, Name>
      ? never
      : Name
    : never
}[keyof T]

test(
  'Each option may be undefined, with the same effect as an omitted option',
  compiles(() => {
    expectTypeOf<Strict<{ a?: string; b?: string | undefined; c: string }>>().toEqualTypeOf<'a'>()
    type All =
      | Strict<CacheOptions>
      | Strict<NonNullable<CacheOptions['timeouts']>>
      | Strict<ProcessMemoryOption>
      | Strict<MemoryStoreOptions>
      | Strict<GetOptions>
      | Strict<SetOptions>
      | Strict<DeleteOptions>
      | Strict<ExpireOptions>
      | Strict<GetOrSetOptions>
      | Strict<CachedOptions>
      | Strict<ListOptions>
      | Strict<Partial<ListOptions>>
      | Strict<MiddlewareOptions>
      | Strict<DashboardOptions>
      | Strict<CsrfHook>
      | Strict<CachedObjectOptions>
      | Strict<FindOptions>
    expectTypeOf<Exclude<All, 'scan'>>().toEqualTypeOf<never>()
  }),
)

test(
  'The overload of keyedCache that TypeScript names in errors is that of the options',
  compiles(() => {
    expectTypeOf<Parameters<typeof keyedCache>[0]>().toEqualTypeOf<
      (CacheOptions & MiddlewareOptions) | undefined
    >()
  }),
)
