import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../helpers/redis.js'
import { makeProject, type Project, ROOT } from './project.js'
import { withChecks } from './results.js'
import { type Page, parsePage, readPage } from './samples.js'

/** Code blocks that are no programs: they are listed here so that none is overlooked. */
const SHOWN = ['sh', 'text', 'acl', 'yaml', 'json', 'nginx', '']

describe('every sample of README and the guide', () => {
  let redis: RedisServer
  let pages: readonly Page[]
  let project: Project

  beforeAll(async () => {
    if (!existsSync(join(ROOT, 'dist/index.js')))
      throw new Error('Samples run the built package: npm run build')
    redis = await startRedis()
    const guide = (await readdir(join(ROOT, 'docs/guide'))).filter((name) => name.endsWith('.md'))
    const names = ['README.md', ...guide.map((name) => `docs/guide/${name}`)]
    pages = await Promise.all(names.map((name) => readPage(ROOT, name)))
    project = await makeProject(
      pages.flatMap(({ samples }) => samples),
      redis.url,
    )
  }, 60_000)

  afterAll(async () => {
    await redis?.stop()
    if (project) await rm(project.folder, { recursive: true, force: true })
  })

  test('is found, and has a known language', () => {
    expect(pages.flatMap(({ samples }) => samples).length).toBeGreaterThan(60)
    const others = pages.flatMap(({ others }) => others.map(({ language }) => language))
    expect(others.filter((language) => !SHOWN.includes(language))).toEqual([])
  })

  test('compiles with the strictest options, as does the code of applications', () => {
    expect(project.problems).toBe('')
  })

  test.each(['module', 'process', 'vitest', 'jest', 'jest with modules', 'node:test'] as const)(
    'runs, and has the results that it states: %s',
    async (runner) => {
      expect(await project.run(runner, redis.url)).toEqual([])
    },
    60_000,
  )
})

/** Each is wrong in one way, and must fail with this. */
const WRONG = [
  ['where it does not compile', "const views: number = await cache.get('views')", ':7: error TS2322'],
  ['where its type is not as stated', "const x = await cache.get<number>('x')  // : number", 'error TS2344'],
  ['where it throws', "await cache.getOrThrow('views')", ': NotCachedError'],
  ['where a value is not as stated', "await cache.get('views')  // → 5", 'the value is undefined'],
  [
    'where another error is thrown',
    "await cache.getOrThrow('views')  // → throws InvalidKeyError",
    'NotCachedError is thrown',
  ],
  ['where nothing is thrown', "await cache.get('views')  // → throws NotCachedError", 'nothing is thrown'],
  [
    'where a stated result is never reached',
    "if (cache.pendingInvalidations > 0) {\n  await cache.get('views')  // → 5\n}",
    'never reached',
  ],
  ['where a rejection is left alone', "void cache.getOrThrow('views')", ': unhandled rejection'],
] as const

describe('a sample that is wrong fails', () => {
  let problems: string
  let failures: readonly string[]

  beforeAll(async () => {
    const blocks = WRONG.map(([, code]) => `\`\`\`ts\n${code}\n\`\`\`\n`)
    const project = await makeProject(parsePage('wrong.md', blocks.join('\n')).samples, 'redis://127.0.0.1:1')
    problems = project.problems
    failures = await project.run('module', '')
    await rm(project.folder, { recursive: true, force: true })
  }, 60_000)

  test.each(WRONG.map(([title, , problem], index) => [title, problem, index + 1] as const))(
    '%s',
    (_, problem, number) => {
      const ofCompiler = problems.split('\n').filter((line) => line.startsWith(`wrong.md:${lineOf(number)}:`))
      const ofRun = failures.filter((line) => line.startsWith(`wrong-${number}`))
      expect([...ofCompiler, ...ofRun].join('\n')).toContain(problem)
    },
  )

  test('where a comment states the result of no expression', () => {
    expect(() => withChecks('\n// → 5', 'wrong', true)).toThrow('no statement before')
  })
})

function lineOf(number: number): number {
  const before = WRONG.slice(0, number - 1).map(([, code]) => code.split('\n').length + 3)
  return 2 + before.reduce((sum, lines) => sum + lines, 0)
}
