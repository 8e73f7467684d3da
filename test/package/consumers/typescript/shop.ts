import express from 'express'
import { type CacheKey, createCache, type KeyedCache, keyedCache, NotCachedError } from 'keyedcache'
import { createTestCache, type StoreCheck, type StoreUnderTest, storeChecks } from 'keyedcache/testing'

const app = express()
const cache: KeyedCache = createCache({ store: 'memory' })
app.use(keyedCache(cache))
app.get('/', async (req) => {
  const n: number | undefined = await req.cache.get<number>('n')
  // @ts-expect-error what is read may not be cached
  const m: number = await req.cache.get<number>('n')
  return [n, m]
})
export const path: CacheKey = cache.key('a', 1)
export const missing: string = new NotCachedError('a').key

const open = (): Promise<StoreUnderTest> => Promise.reject(new Error('none'))
export const checks: readonly StoreCheck[] = storeChecks(open)
export const own: KeyedCache = createTestCache({ ttl: '1h' })

cache.getOrSet(path, () => 42).then((value: number) => console.log(value, missing, path.text))
