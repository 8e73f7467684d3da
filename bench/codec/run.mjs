// Prints the tables of docs/decisions/0001-value-codec.md. `npm run codec`, about two minutes;
// `npm run codec -- formats` only the one that compares the codec's two formats.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, promisify } from 'node:util'
import zlib from 'node:zlib'
import { decodeValue, encodeValue } from '../dist/codec/codec.js'
import { deserialize, serialize } from '../dist/codec/structured-clone.js'
import { writeLimitsOf } from '../dist/codec/write-limits.js'
import { CANDIDATES } from './candidates.mjs'
import { SHAPES, SIZES, TYPES } from './values.mjs'

const ROUNDS = 21
const LIMITS = writeLimitsOf()
const table = (head, rows) => {
  console.log(`\n| ${head.join(' | ')} |\n|${head.map(() => '---').join('|')}|`)
  for (const row of rows) console.log(`| ${row.join(' | ')} |`)
}

console.log(`Node ${process.version}, ${process.arch}`)
if (process.argv[2] !== 'formats') compareCandidates()
table(
  ['µs', 'chosen', 'clone: bytes', 'write', 'read', 'JSON: bytes', 'write', 'read', 'codec: write', 'read'],
  formats(),
)
if (process.argv[2] !== 'formats') {
  table(['1 MB of', 'method', 'kept', 'write ms', 'read ms'], compressions())
  table(['bytes', 'kept', 'inflate in the pool, µs', 'ms saved on 1 Gbit/s'], await handOffs())
}

function compareCandidates() {
  table(
    ['', 'not as it went in', 'damaged and forged bytes'],
    Object.entries(CANDIDATES).map(([name, it]) => [name, lost(it).join(', ') || '–', hostile(name)]),
  )
  const speeds = measureSpeeds()
  table(
    ['', ...Object.keys(SIZES).flatMap((size) => [`${size}: bytes`, 'write µs', 'read µs'])],
    Object.keys(CANDIDATES).map((name) => [name, ...speeds.get(name)]),
  )
}

/** Compares each shape by structured clone, by JSON, unchecked, and by the codec's choice. */
function formats() {
  return Object.entries(SHAPES).map(([shape, { value, repeat }]) => {
    const codec = encodeValue(value, { compressionThreshold: false })
    const clone = serialize(value, LIMITS)
    const json = Buffer.from(JSON.stringify(value))
    const runs = [
      () => serialize(value, LIMITS),
      () => deserialize(clone, LIMITS.memory),
      () => Buffer.from(JSON.stringify(value)),
      () => JSON.parse(json.toString()),
      () => encodeValue(value, { compressionThreshold: false }),
      () => decodeValue(codec),
    ].map((run) => ({ run, times: [] }))
    for (let round = 0; round < ROUNDS; round++) {
      for (const { run, times } of runs) times.push(time(run, repeat))
    }
    const [cloneWrite, cloneRead, jsonWrite, jsonRead, write, read] = runs.map(({ times }) => micros(times))
    const chosen = codec.format === 2 ? 'JSON' : 'clone'
    return [shape, chosen, clone.length, cloneWrite, cloneRead, json.length, jsonWrite, jsonRead, write, read]
  })
}

function lost({ encode, decode }) {
  return Object.entries(TYPES).flatMap(([type, { value, ok, refused }]) => {
    let decoded
    try {
      decoded = decode(encode(value))
    } catch {
      return refused ? [] : [type]
    }
    if (refused) return [type]
    return (ok ? ok(decoded) : isDeepStrictEqual(decoded, value)) ? [] : [type]
  })
}

function hostile(name) {
  const script = fileURLToPath(new URL('hostile.mjs', import.meta.url))
  const { stdout, status, signal } = spawnSync(process.execPath, ['--max-old-space-size=512', script, name], {
    encoding: 'utf8',
    timeout: 120_000,
  })
  const last = JSON.parse(stdout.trim().split('\n').at(-1))
  const polluted = last.polluted ? ', **prototype polluted**' : ''
  if (last.phase !== 'done') return `**process dies** on ${last.phase} bytes (${signal ?? status})${polluted}`
  return `no crash; slowest ${last.slowest} ms, ${last.peak} MB more${polluted}`
}

/** Measures candidates in turns, so that a busy moment of the machine affects all of them. */
function measureSpeeds() {
  const rows = new Map(Object.keys(CANDIDATES).map((name) => [name, []]))
  for (const { value, repeat } of Object.values(SIZES)) {
    const runs = Object.entries(CANDIDATES).map(([name, { encode, decode }]) => {
      const bytes = encode(value)
      return { name, bytes, write: () => encode(value), read: () => decode(bytes), writes: [], reads: [] }
    })
    for (let round = 0; round < ROUNDS; round++) {
      for (const run of runs) {
        run.writes.push(time(run.write, repeat))
        run.reads.push(time(run.read, repeat))
      }
    }
    for (const { name, bytes, writes, reads } of runs) {
      rows.get(name).push(bytes.length, micros(writes), micros(reads))
    }
  }
  return rows
}

function compressions() {
  const quality = (q) => (it) =>
    zlib.brotliCompressSync(it, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: q } })
  const level = (l) => (it) => zlib.deflateRawSync(it, { level: l })
  const methods = {
    'deflate 1': [level(1), zlib.inflateRawSync],
    'deflate 6': [level(6), zlib.inflateRawSync],
    'brotli 1': [quality(1), zlib.brotliDecompressSync],
    'brotli 4': [quality(4), zlib.brotliDecompressSync],
  }
  const inputs = {
    products: CANDIDATES['this codec'].encode(SIZES['1 MB'].value),
    'random bytes': randomBytes(1e6),
  }
  return Object.entries(inputs).flatMap(([input, bytes]) =>
    Object.entries(methods).map(([method, [write, read]]) => {
      const small = write(bytes)
      const runs = Array.from({ length: 5 }, () => [time(() => write(bytes), 1), time(() => read(small), 1)])
      const [writes, reads] = [runs.map(([it]) => it), runs.map(([, it]) => it)]
      return [input, method, percent(small, bytes), ms(writes), ms(reads)]
    }),
  )
}

/** Measures from which size on compression helps a read: time in the thread pool against bytes saved on the wire. */
async function handOffs() {
  const inflate = promisify(zlib.inflateRaw)
  const rows = []
  for (const count of [15, 30, 60, 120, 240, 480]) {
    const bytes = CANDIDATES['this codec'].encode(SIZES['1 MB'].value.slice(0, count))
    const small = zlib.deflateRawSync(bytes, { level: 1 })
    const times = []
    for (let i = 0; i < 60; i++) {
      const start = process.hrtime.bigint()
      await inflate(small, { maxOutputLength: bytes.length, chunkSize: bytes.length })
      times.push(Number(process.hrtime.bigint() - start))
    }
    const saved = ((bytes.length - small.length) * 8) / 1e9
    rows.push([bytes.length, percent(small, bytes), micros(times), (saved * 1e3).toFixed(2)])
  }
  return rows
}

function time(run, repeat) {
  const start = process.hrtime.bigint()
  for (let i = 0; i < repeat; i++) run()
  return Number(process.hrtime.bigint() - start) / repeat
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

function micros(values) {
  const it = median(values) / 1e3
  return it < 100 ? it.toFixed(1) : it.toFixed(0)
}

function ms(values) {
  return (median(values) / 1e6).toFixed(1)
}

function percent(part, whole) {
  return `${Math.round((part.length / whole.length) * 100)} %`
}
