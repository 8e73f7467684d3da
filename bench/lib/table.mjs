import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** Prints a Markdown table. */
export function table(title, head, rows) {
  console.log(
    `\n### ${title}\n\n| ${head.join(' | ')} |\n|${head.map((_, i) => (i ? '---:' : '---')).join('|')}|`,
  )
  for (const row of rows) console.log(`| ${row.join(' | ')} |`)
}

/** The machine and versions of a measurement. */
export function machine() {
  const redis = execFileSync('redis-server', ['--version'], { encoding: 'utf8' }).match(/v=(\S+)/)?.[1]
  const cores = availableParallelism()
  return `Node ${process.version}, ${process.arch}, ${cores} cores, Redis ${redis} on the same machine.`
}

export function count(value) {
  return Math.round(value).toLocaleString('en')
}

export function micros(ms) {
  return ms < 0.1 ? (ms * 1000).toFixed(1) : count(ms * 1000)
}

export function times(ratio) {
  return `${ratio.toFixed(2)}×`
}
