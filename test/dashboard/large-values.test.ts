import { deserialize } from 'node:v8'
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

  test('shows the beginning of a text, and says of other values how large they are', async () => {
    const { ask, cache } = await openSite({ cache: { compressionThreshold } })
    await cache.set('latin', `begins here, password=hunter2 ${'x'.repeat(LARGE)}`)
    await cache.set('wide', `žačíná tady, password=hunter2 ${'ž'.repeat(LARGE)}`)
    await cache.set('map', new Map(Array.from({ length: 300_000 }, (_, at) => [at, `v${at}`])))
    const latin = (await ask('/cache/keys/latin')).text
    const wide = (await ask('/cache/keys/wide')).text
    expect(words(latin)).toContain('begins here')
    expect(words(wide)).toContain('žačíná tady')
    expect(latin + wide).not.toContain('hunter2')
    expect(words((await ask('/cache/keys/map')).text)).toMatch(
      /Too large to show: \d+\.\d MiB\. Download the whole value/,
    )
    const { value } = JSON.parse((await ask('/cache/api/key?key=map')).text)
    expect(value).toMatchObject({ kind: 'large', isWhole: false })
  })
})

test('The beginning of a value is that of what it was made from', async () => {
  for (const text of ['a', 'žluť', '\u{1f40e}', 'x'.repeat(200), 'ž'.repeat(70_000)]) {
    const payload = await encodeValue(text, { compressionThreshold: 1_000 })
    const unbuilt = new UnbuiltValue(payload)
    expect(await unbuilt.beginning(50)).toBe(text.slice(0, 50))
    expect(unbuilt.bytes).toBeGreaterThanOrEqual(text.length)
  }
  for (const value of [new Map(), [1n], Buffer.from('x'), 5n, null]) {
    const payload = await encodeValue(value, { compressionThreshold: false })
    expect(await new UnbuiltValue(payload).beginning(50)).toBeUndefined()
  }
  // The guard of this test's own premise: a text is written by V8 as it is read here.
  expect(deserialize((await encodeValue('premise', { compressionThreshold: false })).bytes)).toBe('premise')
})
