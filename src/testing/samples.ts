import { CacheKey, type KeyInput } from '../key/cache-key.js'
import type { ListedEntry, ListOptions, NewEntry, Store } from '../store/store.js'

export const ORIGIN = { process: 'test:1', route: 'POST /products/123', user: 'anna' }

/** Parts with characters that are special in a store, a pattern, a message or a language. */
export const HOSTILE_PARTS = [
  '*',
  'a*',
  '?',
  '[a]',
  '\\',
  'x::y',
  '{x}',
  '\n',
  '\0',
  '\ud800',
  'é',
  '__proto__',
  '%2A',
  ' ',
]

export const key = (input: KeyInput) => CacheKey.from(input)

export function entry(payload: string, ttlMs = 60_000): NewEntry {
  return { format: 1, payload: Buffer.from(payload), ttlMs, writtenBy: 'test:1' }
}

/** Observes a miss, as `get` does: by what was read. */
export async function observed(store: Store, input: KeyInput): ReturnType<Store['observe']> {
  return await store.observe(key(input), await store.read(key(input)))
}

/** All entries of a listing. */
export async function listed(
  store: Store,
  options: Omit<ListOptions, 'cursor' | 'scan'> = {},
): Promise<ListedEntry[]> {
  const entries: ListedEntry[] = []
  let cursor: string | undefined
  do {
    const page = await store.list({ ...options, cursor, scan: 10_000 })
    entries.push(...page.entries)
    cursor = page.cursor
  } while (cursor !== undefined)
  return entries
}
