import express, { type Express, type Request } from 'express'
import { expect, onTestFinished } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { keyedCache, type MiddlewareOptions } from '../../src/express/middleware.js'
import type { CacheOptions } from '../../src/options.js'
import { type Answer, serve } from '../helpers/http.js'
import { signInByHeader, USER_HEADER } from '../helpers/sign-in.js'

export const NAME = 'keyedcache-bypass'

export type Who = 'staff' | 'customer' | 'nobody'

export interface Shop {
  readonly app: Express
  readonly cache: KeyedCache
  /** Sends the form as staff; gives the `Cookie` header for where it leads. */
  cookieFor(path: string): Promise<string>
  get(path: string, cookie?: string, who?: Who, method?: string): Promise<Answer>
  /** Gets a page with the cookie that the form has given for it. */
  bypassed(path: string): Promise<Answer>
}

export interface ShopOptions extends MiddlewareOptions {
  readonly cache?: KeyedCache
  readonly mount?: string
  readonly app?: Express
}

/** An application with the middleware; a header signs a user in. */
export async function shop({
  cache = quiet(),
  mount = '/',
  app = express(),
  ...options
}: ShopOptions = {}): Promise<Shop> {
  app.use(signInByHeader)
  app.use(mount, keyedCache(cache, options))
  const server = await serve(app)
  onTestFinished(async () => {
    await server.close()
    await cache.close()
  })
  const get: Shop['get'] = (path, cookie, who = 'staff', method = 'GET') =>
    server.ask(path, {
      method,
      headers: { ...(who !== 'nobody' && { [USER_HEADER]: who }), ...(cookie && { cookie }) },
    })
  const cookieFor = async (path: string) => {
    const form = await server.ask(`${mount === '/' ? '' : mount}/cache/bypass`, {
      method: 'POST',
      headers: {
        ...{ [USER_HEADER]: 'staff', 'sec-fetch-site': 'same-origin' },
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ path }).toString(),
    })
    expect(form).toMatchObject({ status: 303, headers: { location: path } })
    return String(form.headers['set-cookie']).split(';', 1)[0] as string
  }
  return { app, cache, get, cookieFor, bypassed: async (path) => get(path, await cookieFor(path)) }
}

export function quiet(options: CacheOptions = {}): KeyedCache {
  return createCache({ store: 'memory', logger: { warn() {} }, ...options })
}

/** A shop whose database has changed behind the cache's back, unlike what the page that is cached says. */
export async function changedShop(options: ShopOptions = {}) {
  const made = await shop(options)
  const database = { price: 'old' }
  const answer = (req: Request) => req.cache.getOrSet('price', () => database.price)
  made.app.use('/page', async (req, res) => void res.send(await answer(req)))
  expect((await made.get('/page', undefined, 'nobody')).body).toBe('old')
  database.price = 'new'
  return { ...made, database }
}

/** The clearing of the cookie, if an answer has it. */
export function cleared({ headers }: Answer): string | undefined {
  const given = [headers['set-cookie'] ?? []].flat().filter((one) => one.startsWith(`${NAME}=`))
  expect(given.length).toBeLessThan(2)
  return given[0]
}
