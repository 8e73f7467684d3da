/** Values of every type; `ok` compares where `util.isDeepStrictEqual` is not enough. */
const shared = { a: 1 }
const cycle = {}
cycle.self = cycle

export const TYPES = {
  undefined: { value: undefined },
  'undefined in an object': { value: { a: undefined, b: null } },
  'undefined in an array': { value: [undefined, null] },
  NaN: { value: Number.NaN },
  Infinity: { value: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] },
  '−0': { value: -0 },
  'bigint 64': { value: -(2n ** 62n) },
  'bigint > 64': { value: -(2n ** 100n) },
  Date: { value: new Date(5) },
  'invalid Date': {
    value: new Date(Number.NaN),
    ok: (it) => it instanceof Date && Number.isNaN(it.getTime()),
  },
  Map: {
    value: new Map([
      [{ k: 1 }, 'v'],
      [1, new Map()],
    ]),
  },
  Set: { value: new Set([1, 'a', [2]]) },
  Buffer: { value: Buffer.from('ab') },
  Uint8Array: { value: Uint8Array.of(1, 2) },
  'other typed arrays': {
    value: [Int16Array.of(-1), Float64Array.of(-0), BigInt64Array.of(-1n), Uint8ClampedArray.of(3)],
  },
  ArrayBuffer: { value: Uint8Array.of(1, 2).buffer },
  DataView: { value: new DataView(Uint8Array.of(1, 2).buffer) },
  'sparse array': { value: Object.assign(new Array(3), { 1: 'x' }) },
  'lone surrogate': { value: 'a\ud800' },
  'own __proto__': { value: JSON.parse('{"__proto__":{"polluted":1}}') },
  RegExp: { value: /a/gi },
  'shared reference': { value: [shared, shared], ok: (it) => it[0] === it[1] },
  cycle: { value: cycle, ok: (it) => it.self === it },
  'class is refused': {
    value: {
      price: new (class Decimal {
        digits = '1'
      })(),
    },
    refused: true,
  },
  'function is refused': { value: { f() {} }, refused: true },
}

const product = (id) => ({
  id,
  sku: `SKU-${String(id).padStart(6, '0')}`,
  name: `Ergonomic chair no. ${(id * 7919) % 1000}`,
  price: Math.round(id * 313.37) / 100,
  currency: 'EUR',
  stock: (id * 7) % 53,
  active: id % 3 > 0,
  createdAt: new Date(1.7e12 + id * 864e5),
  tags: ['office', 'chair', ['oak', 'steel', 'beech'][id % 3]],
  category: { id: id % 9, name: 'Chairs', path: 'furniture/chairs' },
  rating: { average: ((id * 37) % 50) / 10, count: id % 212 },
  description: null,
})

export const SIZES = {
  product: { value: product(4711), repeat: 3000 },
  '100 rows': { value: Array.from({ length: 100 }, (_, i) => product(i)), repeat: 40 },
  '1 MB': { value: Array.from({ length: 4000 }, (_, i) => product(i)), repeat: 1 },
}

const record = (id) => ({ ...product(id), createdAt: new Date(1.7e12 + id * 864e5).toISOString() })
const list = (length, of) => Array.from({ length }, (_, i) => of(i))

/** Shapes for which the codec chooses between its formats, and shapes for structured clone. */
export const SHAPES = {
  'a product': { value: record(4711), repeat: 3000 },
  'a product with Czech names': {
    value: { ...record(4711), name: 'Kancelářská židle', tags: ['židle', 'dub'] },
    repeat: 3000,
  },
  'a product described in Russian': {
    value: { ...record(4711), description: 'Очень удобный стул для офиса. '.repeat(5) },
    repeat: 3000,
  },
  'a product with a Date': { value: product(4711), repeat: 3000 },
  '100 rows': { value: list(100, record), repeat: 40 },
  '100 rows with Dates': { value: list(100, product), repeat: 40 },
  '100 rows beside a Date': { value: { rows: list(100, record), at: new Date(5) }, repeat: 40 },
  '50 rows of 60 columns': {
    value: list(50, () => Object.fromEntries(list(60, (i) => [`column${i}`, i]))),
    repeat: 40,
  },
  '1 MB of rows': { value: list(4000, record), repeat: 1 },
  '1000 names in one object': {
    value: Object.fromEntries(list(1000, (i) => [`sku-${i * 37}`, i])),
    repeat: 40,
  },
  '1500 fractions': { value: list(1500, Math.sin), repeat: 100 },
  '100 points': { value: list(100, (i) => ({ x: Math.sin(i), y: Math.cos(i) })), repeat: 100 },
  '500 short strings': { value: list(500, (i) => `tag ${i}`), repeat: 100 },
  '20 kB of HTML': { value: { html: '<p class="x">Lorem ipsum</p>\n'.repeat(700) }, repeat: 100 },
}
