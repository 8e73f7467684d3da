import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseDuration, parseTimeout } from '../../src/duration.js'
import { createCache, keyedCache } from '../../src/index.js'
import { resolveOptions } from '../../src/options.js'
import { ROOT } from './project.js'

/** The names that an options object takes, as its error for an unknown one lists them. */
function known(take: (options: never) => unknown): string[] {
  try {
    take({ '?????????????????': 1 } as never)
  } catch (error) {
    const names = /Known are (.*)\./.exec((error as Error).message)?.[1]
    if (names !== undefined) return names.split(', ')
  }
  throw new Error('An unknown option is not refused with the known ones')
}

const page = await readFile(join(ROOT, 'docs/guide/configuration.md'), 'utf8')
const computing = await readFile(join(ROOT, 'docs/guide/computing-once.md'), 'utf8')

/** The first cells of all table rows below a heading. */
function rows(text: string, heading: string): string[] {
  const [, section = ''] = text.split(`\n## ${heading}\n`)
  const [own = ''] = section.split('\n## ')
  return [...own.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, name]) => name as string)
}

/** The default that a row states. */
function stated(name: string): string | undefined {
  return new RegExp(`^\\| \`${name}\` \\| ([^|]+) \\|`, 'm').exec(page)?.[1]?.replaceAll(/[`']/g, '')
}

describe('the page of configuration', () => {
  test('has a row for every option of a cache and of the middleware', () => {
    const sections = ['Where entries live', 'Lifetimes', 'Time limits', 'Values and memories']
    const more = ['Failures, figures, logging', 'The middleware']
    const listed = [...sections, ...more].flatMap((heading) => rows(page, heading))
    const options = known((given) => keyedCache(given)).filter((name) => name !== 'timeouts')
    const limits = ['maxEntries', 'maxBytes']
    const timeouts = known((given) => createCache({ timeouts: given })).map((name) => `timeouts.${name}`)
    expect(listed.sort()).toEqual([...options, ...timeouts, ...limits].sort())
  })

  test('has a row for every option of the dashboard', () => {
    const options = known((given) => keyedCache({ store: 'memory', dashboard: given }))
    expect(rows(page, 'The dashboard').sort()).toEqual(options.sort())
  })

  test('states the defaults that hold', () => {
    const options = resolveOptions(undefined, {})
    const { compute, storeTimeoutMs, ttlMs, maxTtlMs, ttlJitter } = options
    expect(Number(stated('ttl')) * 1_000).toBe(ttlMs)
    expect(parseDuration(stated('maxTtl') as '30d', 'maxTtl')).toBe(maxTtlMs)
    expect(Number(stated('ttlJitter'))).toBe(ttlJitter)
    const timeout = (name: string) => parseTimeout(stated(name)?.replace(' ', '') as '5s', name)
    expect(timeout('timeouts.store')).toBe(storeTimeoutMs)
    expect(timeout('timeouts.lease')).toBe(compute.leaseMs)
    expect(timeout('timeouts.wait')).toBe(compute.waitMs)
    expect(stated('keyPrefix')).toContain(options.keyPrefix)
    for (const name of ['requestMemory', 'strictValues', 'throwOnStoreError', 'stats', 'memory'] as const) {
      const value = name === 'strictValues' ? compute.strictValues : (options[name] ?? false)
      expect(stated(name), name).toBe(String(value))
    }
    expect(stated('compressionThreshold')).toBe(`${Number(options.compressionThreshold) / 1024} KiB`)
    expect(stated('maxValueBytes')).toBe(`${options.maxValueBytes / 1024 ** 2} MiB`)
  })
})

test('the page of computing has a row for every option of getOrSet', async () => {
  const cache = createCache({ store: 'memory' })
  const options = known((given) => cache.cached(async () => 1, given))
  const ofFunctions = ['name', 'keyOf']
  expect(rows(computing, 'Options').sort()).toEqual(
    options.filter((name) => !ofFunctions.includes(name)).sort(),
  )
  await cache.close()
})
