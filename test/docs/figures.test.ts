import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './project.js'

/** The rows of a table by their first cell, from the table whose header holds a text. */
function table(text: string, header: string): ReadonlyMap<string, readonly string[]> {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.startsWith('|') && line.includes(header))
  const rows = lines.slice(start + 2)
  const cells = rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) => line.split('|').map((cell) => cell.trim()))
  return new Map(cells.map(([, name = '', ...values]) => [name, values.slice(0, -1)]))
}

test('README’s comparison has the figures that were measured', async () => {
  const [readme, bench] = await Promise.all(
    ['README.md', 'bench/README.md'].map((file) => readFile(join(ROOT, file), 'utf8')),
  )
  const stated = table(readme as string, 'takeover, ms')
  const measured = table(bench as string, 'takeover: waiting')
  expect(stated.size).toBe(5)
  for (const [name, figures] of stated) {
    const row = [...measured].find(([measuredName]) => measuredName.startsWith(`${name} `))?.[1] ?? []
    // Stampede; stale without its control; takeover by one that asks right then; frozen.
    expect(figures, name).toEqual([row[0], row[4]?.replace(/ \(\d+\)$/, ''), row[7], row[8]])
  }
})
