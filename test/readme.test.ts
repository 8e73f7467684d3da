import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FENCED = /^```ts\n(.*?)^```$/gms

/** What README's examples take for granted. */
const AROUND = `
import type { Express, Request } from 'express'
import type { CacheKey, KeyedCache } from 'keyedcache'
declare global {
  interface Quote { price: number }
  const req: Request
  const app: Express
  const cache: KeyedCache
  const key: CacheKey
  const [id, weight, zipcode]: [number, number, string]
  const country: { code: string }
  const shipment: { weight: number }
  const vi: { useFakeTimers(): void; advanceTimersByTime(ms: number): void }
  function findProduct(id: string): Promise<{ name: string }>
  function saveProduct(id: string, fields: unknown): Promise<void>
  function askTheCarrier(...about: unknown[]): Promise<Quote>
  function findNearestRestaurant(x: number, y: number): Promise<string>
  function loadReviews(id: number): Promise<string[]>
  class Row {
    constructor(id: number)
    readonly id: number
    save(): Promise<this>
    static load<T extends Row>(this: new (id: number) => T, id: number): Promise<T>
  }
}
`

/** What applications write that TypeScript must let pass, with its strictest options. */
const OPTIONS = `
import { createCache, keyedCache, type CacheOptions } from 'keyedcache'
const port = process.env.REDIS_PORT === undefined ? undefined : Number(process.env.REDIS_PORT)
createCache({ redis: process.env.REDIS_URL, keyPrefix: process.env.KEYEDCACHE_PREFIX, ttl: undefined })
createCache({ timeouts: { store: undefined }, memory: { maxEntries: undefined }, requestLog: undefined })
createCache({ backends: { default: process.env.REDIS_URL, other: { redis: process.env.OTHER_URL } }, alias: 'default' })
keyedCache({ redis: process.env.REDIS_URL, dashboard: { loginUrl: process.env.LOGIN_URL, readOnly: undefined } })
const settings: CacheOptions = { store: undefined, redis: { host: '127.0.0.1', port } as { host: string; port?: number } }
createCache(settings)
export async function reads(children?: boolean) {
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
`

test('README’s examples compile with the strictest options, and so does what applications write', async () => {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
  const blocks = [...readme.matchAll(FENCED)].map(([, code]) => code as string)
  expect(blocks.length).toBeGreaterThanOrEqual(6)
  const folder = await mkdtemp(join(tmpdir(), 'keyedcache-readme-'))
  try {
    const files = {
      ...Object.fromEntries(blocks.map((code, index) => [`readme-${index}.ts`, code])),
      'options.ts': OPTIONS,
      'around.ts': AROUND,
    }
    for (const [name, code] of Object.entries(files)) {
      const imports = importsFor(code)
      await writeFile(join(folder, name), `${imports}${code}\nexport {}\n`)
    }
    const modules = join(ROOT, 'node_modules')
    const compilerOptions = {
      ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      ...{
        target: 'es2023',
        lib: ['es2023', 'es2024.string'],
        module: 'nodenext',
        noEmit: true,
        skipLibCheck: true,
      },
      ...{ types: ['node'], typeRoots: [join(modules, '@types')] },
      paths: { keyedcache: [join(ROOT, 'src/index.ts')], express: [join(modules, '@types/express')] },
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
    const tsc = join(modules, 'typescript/bin/tsc')
    const output = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).then(
      ({ stdout }) => stdout,
      ({ stdout }: { stdout: string }) => stdout,
    )
    expect(output).toBe('')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 60_000)

/** README imports a name where it is first used. */
function importsFor(code: string): string {
  const names = ['keyedCache', 'createCache', 'CachedObject'].filter(
    (name) => new RegExp(`\\b${name}\\(`).test(code) && !/from 'keyedcache'/.test(code),
  )
  return names.length === 0 ? '' : `import { ${names.join(', ')} } from 'keyedcache'\n`
}
