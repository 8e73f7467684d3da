import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** How a sample is run: imported with the others, in a process of its own, or by a test runner. */
export type Runner = 'module' | 'process' | 'vitest' | 'jest' | 'jest with modules' | 'node:test'

/** A fenced code block of a document, with what its page takes for granted. */
export interface Sample {
  /** Unique file name without its ending: `guide-keys-2`. */
  readonly name: string
  readonly page: string
  /** Line of the first line of code in its page, from 1. */
  readonly line: number
  readonly language: 'ts' | 'js'
  /** Hidden code that runs before the sample, and after it. */
  readonly before: string
  readonly after: string
  readonly code: string
  readonly runner: Runner
  /** Environment variables of its process. */
  readonly env: Readonly<Record<string, string>>
}

/** The samples of one page, and its other code blocks by language. */
export interface Page {
  readonly samples: readonly Sample[]
  readonly others: readonly { readonly language: string; readonly line: number; readonly code: string }[]
}

/*
 * Hidden comments in a page say what the reader takes for granted:
 *
 *   <!-- page before: code -->      before each sample of the page that follows
 *   <!-- sample before: code -->    before the next sample
 *   <!-- sample continues -->       the next sample goes on where the last one ended
 *   <!-- sample runs as: vitest --> process, vitest, jest, jest with modules, node:test
 *   <!-- sample named: app -->      the file name by which other samples import it
 *   <!-- sample env: NAME=value --> in a process with this environment
 *   <!-- sample after: code -->     after the last sample
 */
const TOKEN =
  /^<!-- (page before|sample before|sample after|sample continues|sample runs as|sample named|sample env)(?::\s?(.*?))?\s*-->$|^```(\w*)\n(.*?)^```$/gms

const RUNNERS: readonly Runner[] = ['process', 'vitest', 'jest', 'jest with modules', 'node:test']

/** What the comments before a sample say of it. */
interface Next {
  name?: string
  before?: string
  runner?: Runner
  env?: Sample['env']
  continues?: boolean
}

export async function readPage(root: string, page: string): Promise<Page> {
  return parsePage(page, await readFile(join(root, page), 'utf8'))
}

export function parsePage(page: string, text: string): Page {
  const samples: Sample[] = []
  const others: Page['others'][number][] = []
  let pageBefore = ''
  let next: Next = {}
  const base = page
    .replace(/^docs\//, '')
    .replace(/\.md$/, '')
    .replaceAll('/', '-')
    .toLowerCase()

  for (const { index, 1: kind, 2: content = '', 3: language, 4: code = '' } of text.matchAll(TOKEN)) {
    const line = text.slice(0, index).split('\n').length + 1
    if (kind === 'page before') pageBefore += `${content}\n`
    else if (kind === 'sample before') next.before = `${next.before ?? ''}${content}\n`
    else if (kind === 'sample continues') next.continues = true
    else if (kind === 'sample runs as') next.runner = runnerOf(content, page, line)
    else if (kind === 'sample named') next.name = content
    else if (kind === 'sample env') next.env = environmentOf(content)
    else if (kind === 'sample after') {
      const last = samples.pop()
      if (last === undefined) throw new Error(`${page}:${line}: no sample stands before this comment`)
      samples.push({ ...last, after: `${last.after}${content}\n` })
    } else if (language === 'ts' || language === 'js') {
      const last = samples.at(-1)
      const start = next.continues && last ? last.before + last.code + last.after : pageBefore
      samples.push({
        name: next.name ?? `${base}-${samples.length + 1}`,
        ...{ page, line, language, code },
        before: start + (next.before ?? ''),
        after: '',
        runner: next.runner ?? (next.env ? 'process' : 'module'),
        env: next.env ?? {},
      })
      next = {}
    } else others.push({ language: language ?? '', line, code })
  }
  return { samples, others }
}

function runnerOf(name: string, page: string, line: number): Runner {
  const runner = RUNNERS.find((known) => known === name)
  if (runner !== undefined) return runner
  throw new Error(`${page}:${line}: unknown runner ${name}`)
}

function environmentOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split(/\s+/).map((pair) => pair.split('=', 2) as [string, string]))
}
