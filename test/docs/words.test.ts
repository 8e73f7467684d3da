import { readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const PLACES = ['README.md', 'CONTRIBUTING.md', 'docs', 'src', 'views']
const TEXTS = new Set(['.md', '.ts', '.ejs', '.js'])

/** Wordings that docs/glossary.md replaces, each with a sample that must be found and the better words. */
const WORDINGS: readonly (readonly [pattern: RegExp, sample: string, better: string])[] = [
  [
    /\/\*\* (?:What|Who|Whoever|Nobody)\b/,
    '/** What a reader gets. */',
    'a noun phrase that defines the thing',
  ],
  [/\/\*\* The same\b/, '/** The same, softly. */', 'a definition that can be read alone'],
  [/\/\*\* So (?:many|much|long)\b/, '/** So many keys at most. */', 'Maximum number of …'],
  [/\bso (?:many|long|much) (?:at most|of)\b/i, 'so many at most', 'at most N, or a maximum'],
  [/\b(?:un)?told\b|\btells?\b|\btelling\b/i, 'it tells the store', 'reports, publishes, says'],
  [/\bwho(?:m)?ever\b/i, 'whoever asks', 'the caller, the reader'],
  [
    /(?:^|[.:;] |\* )Who (?:asks|waits|reads|gets|comes|has|is|may|calls)\b/,
    'Who waits marks it.',
    'a waiter, a caller',
  ],
  [/\b(?:some|no)body(?: else)?(?:'s|’s)?\b/i, 'nobody else computes', 'no caller, another process'],
  [/\b(?:not )?surely\b/i, 'not surely done', 'unconfirmed'],
  [/\banew\b/i, 'computed anew', 'again'],
  [/\b(?:take|takes|taken|taking|took) (?:it |them |requests? )?down\b/i, 'taken down', 'recorded, removed'],
  [/\blet(?:s|ting)? (?:it |them |a key |keys )?expire\b/i, 'let expire', 'expire, mark stale'],
  [/\bnews\b/i, 'the news of a delete', 'lease events, invalidation messages'],
  [/\btroubles?\b/i, 'the store is in trouble', 'store failure'],
  [/\bledger\b/i, 'the ledger', 'request log'],
  [/\bcrowds?\b/i, 'a crowd', 'coalesced read'],
  [/\bunsettled\b/i, 'unsettled deletes', 'pending invalidations'],
  [/\bas far as (?:is|the store) (?:known|tells|knows)\b/i, 'as far as is known', 'no record of it'],
  [/\b(?:is|are|be|was) at it\b/i, 'who is at it', 'computes it'],
  [/\bstands? (?:there|in its place)\b/i, 'what stands there', 'the entry'],
  [/\bones? own|\bone's own|\bone’s own/i, 'a store of one’s own', 'your own, its own'],
  [/\bis wanted\b|\bwho wants\b/i, 'where it is wanted', 'enabled, required'],
]

/** The glossary itself lists the words that it replaces. */
const LISTED = 'docs/glossary.md'

/** Right uses of such a wording: part of a line, by file. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {}

function* texts(place: string): Generator<string> {
  if (extname(place) !== '') {
    yield place
    return
  }
  for (const entry of readdirSync(join(ROOT, place), { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && TEXTS.has(extname(entry.name)))
      yield join(entry.parentPath, entry.name).slice(ROOT.length)
  }
}

interface Found {
  readonly file: string
  readonly number: number
  readonly line: string
  readonly better: string
}

function found(): Found[] {
  const all: Found[] = []
  for (const file of PLACES.flatMap((place) => [...texts(place)]).filter((name) => name !== LISTED)) {
    for (const [index, line] of readFileSync(join(ROOT, file), 'utf8').split('\n').entries()) {
      for (const [pattern, , better] of WORDINGS) {
        if (pattern.test(line)) all.push({ file, number: index + 1, line: line.trim(), better })
      }
    }
  }
  return all
}

const isAllowed = ({ file, line }: Found) => (ALLOWED[file] ?? []).some((part) => line.includes(part))

test('each wording that is refused is found in its sample', () => {
  for (const [pattern, sample] of WORDINGS) expect(sample).toMatch(pattern)
})

test('sources, pages and documents use the words of the glossary', () => {
  const wrong = found().filter((one) => !isAllowed(one))
  expect(
    wrong.map(({ file, number, line, better }) => `${file}:${number}  ${line}\n    better: ${better}`),
  ).toEqual([])
})

test('every exception is still needed', () => {
  const all = found()
  const unused = Object.entries(ALLOWED).flatMap(([file, parts]) =>
    parts.filter((part) => !all.some((one) => one.file === file && one.line.includes(part))),
  )
  expect(unused).toEqual([])
})
