import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

// Each test starts a whole Vitest, beside the one that it runs in.
vi.setConfig({ testTimeout: 90_000 })

const BUILDS = '{ "type": "module", "scripts": { "build": "true" } }'
const PASSES = `import { test } from 'vitest'\ntest('passes', () => {})\n`

let project: string

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'keyedcache-npm-test-'))
  cpSync('scripts', join(project, 'scripts'), { recursive: true })
  symlinkSync(resolve('node_modules'), join(project, 'node_modules'))
  write('package.json', BUILDS)
  for (const program of ['env', 'sh', 'true', 'which', 'touch', 'chmod']) link(program)
  symlinkSync(process.execPath, join(project, 'bin/node'))
  link('npm')
})
afterEach(() => rmSync(project, { recursive: true }))

describe('the last line counts passed and failed tests', () => {
  beforeEach(() => {
    program('redis-server')
    program('chromium')
  })

  test.each([
    ['all is well', PASSES, '1 passed, 0 failed', 0],
    ['a test fails', `${PASSES}test('fails', () => { throw new Error('no') })`, '1 passed, 1 failed', 1],
    ['a file does not load', `${PASSES}throw new Error('no')`, '0 passed, 1 failed', 1],
    [
      'a hook fails',
      `${PASSES}import { afterAll } from 'vitest'\nafterAll(() => { throw new Error('no') })`,
      '1 passed, 1 failed',
      1,
    ],
    ['an error is not handled', `${PASSES}void Promise.reject(new Error('no'))`, '1 passed, 1 failed', 1],
    [
      'the process is killed',
      `${PASSES}test('dies', () => { process.kill(process.pid, 'SIGKILL') })`,
      '0 passed, 1 failed',
      1,
    ],
    ['there is no test', '', '0 passed, 1 failed', 1],
  ])('%s', (_, source, line, code) => {
    write('test/a.test.js', source)
    expect(npmTest()).toMatchObject({ line, code })
  })

  test('it takes arguments for Vitest', () => {
    write('test/a.test.js', PASSES)
    write('test/b.test.js', PASSES)
    expect(npmTest('test/b')).toMatchObject({ line: '1 passed, 0 failed', code: 0 })
  })

  test('a failed build is a failure, and no test is run', () => {
    write('package.json', BUILDS.replace('"true"', '"exit 2"'))
    write('test/a.test.js', PASSES)
    expect(npmTest()).toMatchObject({ line: '0 passed, 1 failed', code: 1 })
  })
})

describe('missing programs', () => {
  beforeEach(() => write('test/a.test.js', PASSES))

  test('are named with instructions when they cannot be installed', () => {
    program('chromium-browser', 'echo "This is only a stub for the snap" >&2; exit 1')
    const { output, line, code } = npmTest()
    expect(output).toContain('The tests need redis-server and chromium')
    expect(output).toContain('apt-get install redis-server chromium')
    expect({ line, code }).toEqual({ line: '0 passed, 1 failed', code: 1 })
  })

  test('are found under another name', () => {
    program('redis-server')
    program('google-chrome')
    expect(npmTest()).toMatchObject({ line: '1 passed, 0 failed', code: 0 })
  })

  test('are installed with apt-get when permitted', () => {
    program('apt-get', `for name; do :; done; touch "${project}/bin/$name"; chmod +x "${project}/bin/$name"`)
    program('sudo', '[ "$1" = -n ] && shift && exec "$@"')
    expect(npmTest()).toMatchObject({ line: '1 passed, 0 failed', code: 0 })
  })

  test('run the tests in Docker otherwise, with its result', () => {
    program('docker', 'case "$1 $2" in "compose run") echo "$*"; echo "7 passed, 2 failed"; exit 1;; esac')
    const { output, line, code } = npmTest('test/key')
    expect(output).toContain('compose run --rm --build -T test test/key')
    expect({ line, code }).toEqual({ line: '7 passed, 2 failed', code: 1 })
  })
})

function npmTest(...args: string[]): { output: string; line: string | undefined; code: number | null } {
  const env = { PATH: join(project, 'bin'), HOME: project, CI: 'true' }
  const { stdout, stderr, status } = spawnSync(process.execPath, ['scripts/test.mjs', ...args], {
    cwd: project,
    env,
    encoding: 'utf8',
  })
  return { output: stdout + stderr, line: stdout.trimEnd().split('\n').at(-1), code: status }
}

/** A program of that name that succeeds, or runs the shell script. */
function program(name: string, script = ''): void {
  write(`bin/${name}`, `#!/bin/sh\n${script}\n`)
  chmodSync(join(project, 'bin', name), 0o755)
}

function link(name: string): void {
  const found = spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim()
  mkdirSync(join(project, 'bin'), { recursive: true })
  symlinkSync(found, join(project, 'bin', name))
}

function write(file: string, text: string): void {
  mkdirSync(dirname(join(project, file)), { recursive: true })
  writeFileSync(join(project, file), text)
}
