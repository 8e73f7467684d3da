// `npm test [-- vitest arguments]`: gets the servers that the tests need, builds, runs Vitest.
// The last line printed is always `N passed, N failed`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromiumPath, dockerWorks, installWithApt, missingPrograms } from './prerequisites.mjs'
import { summarize } from './summarize.mjs'

const root = join(import.meta.dirname, '..')
const vitestArguments = process.argv.slice(2)

requireNode()
if (!existsSync(join(root, 'node_modules/vitest'))) stop('Nothing is installed here yet: run `npm ci` first.')
if (missingPrograms().length > 0) installWithApt(missingPrograms())
if (missingPrograms().length > 0) {
  if (!dockerWorks()) stop(howToInstall(missingPrograms()))
  console.log(`${missingPrograms().join(' and ')} missing here: the tests run in Docker.`)
  process.exit(run('docker', ['compose', 'run', '--rm', '--build', '-T', 'test', ...vitestArguments]))
}
if (run('npm', ['run', '--silent', 'build']) !== 0) stop('The build failed, so no test was run.')
runTests()

function runTests() {
  const directory = mkdtempSync(join(tmpdir(), 'keyedcache-test-'))
  const report = join(directory, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const code = run(process.execPath, [vitest, 'run', ...reporters, ...vitestArguments])
  const { passed, failed, notes } = summarize(readReport(report), code)
  rmSync(directory, { recursive: true, force: true })
  for (const note of notes) console.log(note)
  finish(passed, failed)
}

/** What Vitest wrote; `undefined` when it ended before it could. */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    stop(`Node ${process.versions.node} is too old: keyedcache needs Node 20.19 or later.`)
  }
}

function howToInstall(missing) {
  const debian = missing.map((program) => (program === 'chromium' ? 'chromium' : 'redis-server')).join(' ')
  return [
    `The tests need ${missing.join(' and ')}, and could neither install them here nor use Docker instead.`,
    `  Debian:  sudo apt-get update && sudo apt-get install ${debian}`,
    '  Ubuntu:  the same, but Chrome from google.com/chrome if chromium is only a snap',
    '  macOS:   brew install redis && brew install --cask google-chrome',
    '  Docker:  start the engine, with the compose plugin, and run `npm test` again',
    'A Chrome or Chromium that is elsewhere is named in CHROMIUM_PATH.',
  ].join('\n')
}

function run(command, args) {
  const env = { ...process.env, ...(chromiumPath() && { CHROMIUM_PATH: chromiumPath() }) }
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (error) console.error(`${command}: ${error.message}`)
  return status ?? 1
}

function stop(message) {
  console.error(message)
  finish(0, 1)
}

function finish(passed, failed) {
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed === 0 ? 0 : 1)
}
