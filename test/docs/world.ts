import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import express, { type Express, type Request } from 'express'
import { CacheKey, createCache, type KeyedCache } from '../../src/index.js'

// What the samples of all documents take for granted, fresh for each.

export let cache: KeyedCache
export let app: Express
/** A request as a handler sees it. */
export let req: Request & { readonly cache: KeyedCache }

/** How often a slow source was asked. */
export const asked = { products: 0, carrier: 0, reviews: 0 }

export interface Quote {
  readonly price: number
}

export interface ProductRow {
  readonly id: string
  name: string
}

let products = new Map<string, ProductRow>()

export async function findProduct(id: string | number): Promise<ProductRow | undefined> {
  asked.products++
  const found = products.get(String(id))
  return found && { ...found }
}

export async function findProducts(ids: readonly (string | number)[]): Promise<(ProductRow | undefined)[]> {
  return Promise.all(ids.map(findProduct))
}

export async function saveProduct(id: string, fields: { readonly name: string }): Promise<void> {
  products.set(id, { id, ...fields })
}

export async function askTheCarrier(..._about: unknown[]): Promise<Quote> {
  asked.carrier++
  return { price: 120 }
}

export async function loadReviews(_id: unknown): Promise<string[]> {
  asked.reviews++
  return ['good']
}

/** Sends one request to an application, which listens for as long as it takes. */
export async function visit(
  to: Express,
  path: string,
  init?: RequestInit,
): Promise<{ readonly status: number; readonly text: string; readonly headers: Headers }> {
  const server: Server = to.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', ...init })
    return { status: response.status, text: await response.text(), headers: response.headers }
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** Before each sample. */
export function begin(): void {
  products = new Map(['1', '2', '3', '123'].map((id) => [id, { id, name: `Product ${id}` }]))
  asked.products = asked.carrier = asked.reviews = 0
  cache = createCache({ store: 'memory', keyPrefix: 'docs' })
  app = express()
  req = { cache, params: { id: '123' } } as unknown as typeof req
}

/** Results that were checked, by their ids. */
export const checked = new Set<string>()
/** Results that were not as stated. */
export const wrong: string[] = []

export function checkValue<T>(id: string, given: T, wanted: () => unknown, isPartial: boolean): T {
  checked.add(id)
  const value = given instanceof CacheKey ? given.text : given
  const stated = wanted()
  if (!(isPartial ? includes(value, stated) : isDeepStrictEqual(value, stated))) {
    wrong.push(`${id}: ${wanted.toString().slice(6)} is stated, and the value is ${shown(value)}`)
  }
  return given
}

export async function checkThrows(id: string, name: string, run: () => Promise<unknown>): Promise<void> {
  checked.add(id)
  try {
    await run()
    wrong.push(`${id}: ${name} is stated, and nothing is thrown`)
  } catch (error) {
    const found = (error as Error).constructor.name
    if (found !== name) wrong.push(`${id}: ${name} is stated, and ${found} is thrown: ${String(error)}`)
  }
}

/** Whether all that is stated is there; other properties may be there too. */
function includes(value: unknown, stated: unknown): boolean {
  if (typeof stated !== 'object' || stated === null) return isDeepStrictEqual(value, stated)
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(stated).every(([name, item]) =>
    includes((value as Record<string, unknown>)[name], item),
  )
}

function shown(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Whether two types are the same, not only assignable. */
export type Same<One, Other> =
  (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false

export function checkType<_IsSame extends true>(): void {}
