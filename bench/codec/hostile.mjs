// Decodes damaged and forged bytes in a process of its own, started by run.mjs, and prints the results so far.
import { CANDIDATES } from './candidates.mjs'
import { SIZES } from './values.mjs'

const { encode, decode, forged } = CANDIDATES[process.argv[2]]
const report = { phase: '', values: 0, refused: 0, slowest: 0, peak: 0 }
const rss = process.memoryUsage().rss

function attempt(bytes) {
  const start = performance.now()
  try {
    decode(bytes)
    report.values++
  } catch {
    report.refused++
  }
  report.slowest = Math.max(report.slowest, Math.round(performance.now() - start))
  report.peak = Math.max(report.peak, Math.round((process.memoryUsage().rss - rss) / 1e6))
}

function phase(name) {
  report.phase = name
  report.polluted = {}.polluted !== undefined
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

let seed = 42
function random(below) {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor((seed / 2 ** 32) * below)
}

phase('damaged')
const whole = encode(SIZES.product.value)
for (let length = 0; length < whole.length; length++) attempt(whole.subarray(0, length))
for (let i = 0; i < 20_000; i++) {
  const bytes = Buffer.from(whole)
  for (let changes = 1 + random(4); changes > 0; changes--) bytes[random(bytes.length)] = random(256)
  attempt(bytes)
}
phase('forged')
for (const bytes of forged) attempt(bytes)
phase('done')
