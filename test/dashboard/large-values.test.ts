import { describe, expect, test, vi } from 'vitest'
import { encodeValue } from '../../src/codec/codec.js'
import { UnbuiltValue } from '../../src/codec/unbuilt.js'
import { openSite, words } from './site.js'

const LARGE = 2 * 1024 * 1024

const records = () => ({
  password: 'hunter2-first',
  rows: Array.from({ length: 20_000 }, (_, id) => ({
    id,
    token: `secret-${id}`,
    name: 'Chair, oak'.repeat(8),
  })),
})

describe.each([
  ['as they are', false],
  ['compressed', 1_000],
] as const)('The page of a large value, %s', (_, compressionThreshold) => {
  test('shows the beginning of a record, masked, without building it', async () => {
    const { ask, cache } = await openSite({ cache: { compressionThreshold } })
    await cache.set('large', records())
    const parse = vi.spyOn(JSON, 'parse')
    const { text } = await ask('/cache/keys/large')
    const json = await ask('/cache/api/key?key=large')
    const longest = Math.max(0, ...parse.mock.calls.map(([given]) => String(given).length))
    parse.mockRestore()
    expect(longest).toBeLessThan(100_000)
    expect(words(text)).toContain('Chair, oak')
    expect(words(text)).toContain('First 20,000 characters.')
    const about = JSON.parse(json.text)
    expect(about.value).toMatchObject({ kind: 'shown', isWhole: false })
    for (const shown of [text, json.text]) expect(shown).not.toMatch(/hunter2|secret-\d/)
    expect((await ask('/cache/download?key=large')).text).toContain('19999')
  })

  test('shows the beginning of a text, masked', async () => {
    const { ask, cache } = await openSite({ cache: { compressionThreshold } })
    await cache.set('latin', `begins here, password=hunter2 ${'x'.repeat(LARGE)}`)
    await cache.set('wide', `žačíná tady, password=hunter2 ${'ž'.repeat(LARGE)}`)
    const latin = (await ask('/cache/keys/latin')).text
    const wide = (await ask('/cache/keys/wide')).text
    expect(words(latin)).toContain('"begins here')
    expect(words(wide)).toContain('"žačíná tady')
    expect(latin + wide).not.toContain('hunter2')
  })

  test.each([
    [
      'a Map',
      () => new Map(Array.from({ length: 300_000 }, (_, at) => [at, `v${at}`])),
      'Map(…) { 0 => "v0", 1',
    ],
    ['a Set', () => new Set(Array.from({ length: 600_000 }, (_, at) => at)), 'Set(…) { 0, 1, 2,'],
    ['a list', () => Array.from({ length: 600_000 }, (_, at) => at), '[ 0, 1, 2,'],
    ['a Buffer', () => Buffer.alloc(LARGE, 'ab'), `Buffer(${LARGE}) 61 62 61`],
    ['numbers', () => new Float64Array(LARGE / 8).fill(0.5), `Float64Array(${LARGE / 8}) [0.5, 0.5`],
    ['a bigint', () => 3n << 9_999_999n, '[a bigint of 10000001 bits] 0x180000'],
    ['a text in a Map', () => new Map([['k', 'x'.repeat(LARGE)]]), 'Map(…) { "k" => "xxx'],
    [
      'rows',
      () => Array.from({ length: 60_000 }, (_, id) => ({ id, on: new Date(0) })),
      '[ { id: 0, on: Date 1970-',
    ],
  ] as const)('shows the beginning of %s', async (_name, make, expected) => {
    const { ask, cache } = await openSite({ cache: { compressionThreshold } })
    expect(await cache.set('large', { password: 'hunter2', 'of what': make(), end: 1 })).toBe(true)
    const { status, text } = await ask('/cache/keys/large')
    const json = await ask('/cache/api/key?key=large')
    expect([status, json.status]).toEqual([200, 200])
    expect(words(text)).toContain(`{ password: [masked], "of what": ${expected}`)
    expect(words(text)).toContain('First 20,000 characters.')
    const { value } = JSON.parse(json.text)
    expect(value).toMatchObject({ kind: 'shown', isWhole: false })
    expect(value.text).toHaveLength(20_000)
    expect(value.text.replace(/\s+/g, ' ')).toContain(expected)
  })

  test('shows the readable part of a damaged value, marked as damaged', async () => {
    const { ask, cache } = await openSite({ cache: { compressionThreshold } })
    await cache.set(
      'large',
      Array.from({ length: 60_000 }, (_, id) => ({ id, on: new Date(0) })),
    )
    const beginning = UnbuiltValue.prototype.beginning
    const damaged = vi.spyOn(UnbuiltValue.prototype, 'beginning').mockImplementation(async () => {
      const { bytes, format } = await encodeValue([1, new Date(0), 'end'], { compressionThreshold: false })
      return await beginning.call(
        new UnbuiltValue({ bytes: bytes.subarray(0, 16), format }),
        async () => undefined,
      )
    })
    const { status, text } = await ask('/cache/keys/large')
    const json = await ask('/cache/api/key?key=large')
    damaged.mockRestore()
    expect(status).toBe(200)
    expect(words(text)).toContain('[ 1, Date 1970-01-01T00:00:00.000Z')
    expect(words(text)).toContain('The rest of the stored bytes is damaged.')
    expect(JSON.parse(json.text).value).toMatchObject({ kind: 'shown', isWhole: false, isDamaged: true })
  })
})
