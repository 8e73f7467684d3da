import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Express } from 'express'
import { onTestFinished } from 'vitest'
import type { KeyedCache } from '../../src/cache.js'
import { createCache } from '../../src/create-cache.js'
import { type DashboardOptions, dashboard } from '../../src/dashboard/mount.js'
import type { CacheOptions } from '../../src/options.js'
import { signInByHeader, USER_HEADER } from '../helpers/sign-in.js'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface Asking {
  /** `staff` by default. */
  readonly as?: 'staff' | 'customer' | 'anonymous'
  readonly method?: string
  readonly headers?: Record<string, string | undefined>
  readonly form?: Record<string, string> | string
}

export const ANONYMOUS: Asking = { as: 'anonymous' }

export interface Site {
  readonly url: string
  readonly cache: KeyedCache
  /** The path is sent as it is: `..` and `%2F` too. Forms say that they come from the same origin. */
  ask(path: string, asking?: Asking): Promise<Reply>
}

export interface SiteOptions {
  readonly cache?: CacheOptions | KeyedCache
  readonly dashboard?: DashboardOptions
  readonly mount?: string
  /** Before the dashboard. */
  readonly before?: (app: Express) => void
}

/** An application with a dashboard, for this test alone. */
export async function openSite({
  cache: given,
  dashboard: options,
  mount = '/cache',
  before,
}: SiteOptions = {}): Promise<Site> {
  const cache =
    given && 'list' in given
      ? given
      : createCache({ store: 'memory', keyPrefix: 'shop', logger: QUIET, ...given })
  const app = express()
  app.use(signInByHeader)
  before?.(app)
  app.use(mount, dashboard(cache, options))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await cache.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, cache, ask: (path, asking) => ask(port, path, asking) }
}

export const QUIET = { warn() {} }

/** `fetch` would tidy up the path, and does not let everyone set the headers that browsers set. */
async function ask(
  port: number,
  path: string,
  { as = 'staff', method, headers, form }: Asking = {},
): Promise<Reply> {
  const body = typeof form === 'object' ? new URLSearchParams(form).toString() : form
  const all = {
    ...(as !== 'anonymous' && { [USER_HEADER]: as }),
    ...(body !== undefined && {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
    }),
    ...headers,
  }
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >
  const asked = request({
    host: '127.0.0.1',
    port,
    path,
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: given,
  })
  asked.end(body)
  const [response] = await once(asked, 'response')
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, headers: response.headers, text }
}

/** The scripts of a page, but for the dashboard's own. */
export function foreignScripts(html: string): string[] {
  const own = /<script src="[./]*assets\/(dashboard\.js" defer|live\.js" type="module")><\/script>/g
  return html.replace(own, '').match(/<script[^>]*>?/gi) ?? []
}

/** What a page says, without its tags. */
export function words(html: string): string {
  return html
    .replace(/<head>.*?<\/head>/s, '')
    .replace(/<[^>]*>/g, '')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&#34;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ')
}
