import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from './project.js'

const LINK = /(?<!`)\[[^\]]*\]\(([^)\s]+)\)/g
const HEADING = /^#{1,6} (.+)$/gm
const CODE = /^```.*?^```$/gms
/** A path of this repository in a text: `src/store/judge.ts`. */
const PATH = /`((?:src|test|scripts|bench|example-app|views)\/[\w./-]+)`/g

/** Documents outside the guide that describe the present files. */
const NAMING_FILES = ['README.md', 'CONTRIBUTING.md', 'docs/architecture.md']

async function documents(): Promise<string[]> {
  const folders = ['.', 'docs', 'docs/guide', 'docs/decisions', 'bench', 'example-app']
  const names = await Promise.all(folders.map((folder) => readdir(join(ROOT, folder))))
  return folders.flatMap((folder, index) =>
    (names[index] as string[]).filter((name) => name.endsWith('.md')).map((name) => join(folder, name)),
  )
}

/** As GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.replaceAll(CODE, '').matchAll(HEADING)].map(([, heading]) => heading as string)
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  )
}

test('each link within the documents has a target', async () => {
  const dead: string[] = []
  for (const page of await documents()) {
    const text = (await readFile(join(ROOT, page), 'utf8')).replaceAll(CODE, '')
    for (const [, target = ''] of text.matchAll(LINK)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path)
      if (!existsSync(file)) dead.push(`${page}: ${target}`)
      else if (anchor && !anchorsOf(await readFile(file, 'utf8')).has(anchor)) dead.push(`${page}: ${target}`)
    }
  }
  expect(dead).toEqual([])
})

test('every page of the guide is in its index', async () => {
  const index = await readFile(join(ROOT, 'docs/guide/README.md'), 'utf8')
  const pages = (await readdir(join(ROOT, 'docs/guide'))).filter((name) => name !== 'README.md')
  expect(pages.filter((name) => !index.includes(`](${name})`))).toEqual([])
})

test('each file that README, CONTRIBUTING, the architecture and the guide name exists', async () => {
  const missing: string[] = []
  for (const page of await documents()) {
    if (!page.startsWith('docs/guide/') && !NAMING_FILES.includes(page)) continue
    const text = await readFile(join(ROOT, page), 'utf8')
    for (const [, path = ''] of text.matchAll(PATH)) {
      if (!existsSync(join(ROOT, path))) missing.push(`${relative('.', page)}: ${path}`)
    }
  }
  expect(missing).toEqual([])
})

test('no table is split by a blank line', async () => {
  const split: string[] = []
  for (const page of await documents()) {
    const lines = (await readFile(join(ROOT, page), 'utf8')).split('\n')
    for (const [index, line] of lines.entries()) {
      if (!line.startsWith('|') || lines[index - 1]?.startsWith('|')) continue
      if (!/^\|[\s:|-]+$/.test(lines[index + 1] ?? '')) split.push(`${page}:${index + 1}`)
    }
  }
  expect(split).toEqual([])
})
