// `npm run test:nodes [-- <majors>] [-- --short] [-- vitest arguments]`: runs the tests on each Node that is developed
// for. A Node that is not the running one comes from npm's package `node`, and is kept in the user's cache folder.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

const MAJORS = ['20', '24', '26']

/** What differs first where Node does: values and their bytes, timers, streams, the test runner of an application. */
const SHORT = [
  ...['--project', 'current', '--project', 'apart'],
  ...[
    'key',
    'codec/round-trip',
    'codec/damaged',
    'stats',
    'store/memory-store',
    'cache/operations',
    'express/middleware',
  ].map(testsOf),
  ...['dashboard/pages', 'compute/get-or-set', 'fake-timers', 'package/package'].map(testsOf),
]

const root = join(import.meta.dirname, '..')
const cacheFolder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'keyedcache', 'nodes')

const given = process.argv.slice(2)
const majors = given.filter((argument) => /^\d+$/.test(argument))
const others = given.filter((argument) => !/^\d+$/.test(argument) && argument !== '--short')
const tests = given.includes('--short') ? [...SHORT, ...others] : others

const failed = (majors.length > 0 ? majors : MAJORS).filter((major) => !passesOn(major))
if (failed.length > 0) console.error(`Failed on Node ${failed.join(', ')}.`)
process.exit(failed.length === 0 ? 0 : 1)

function passesOn(major) {
  const node = binaryOf(major)
  const { stdout } = run(node, ['--version'], { encoding: 'utf8', stdio: 'pipe' })
  console.log(`\nNode ${stdout.trim().slice(1)}`)
  // Programs that the tests start by the name `node`, npm among them, run on it too.
  const env = { ...process.env, PATH: [dirname(node), process.env.PATH].join(delimiter) }
  return (
    run(node, [join(root, 'scripts/test.mjs'), ...tests], { cwd: root, env, stdio: 'inherit' }).status === 0
  )
}

/** The running Node where it is of this major, else one of the cache folder, which is installed when it is missing. */
function binaryOf(major) {
  if (process.versions.node.split('.')[0] === major) return process.execPath
  const folder = join(cacheFolder, major)
  const binary = join(folder, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(binary)) return binary
  console.log(`Installing Node ${major} in ${folder}.`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  run('npm', ['install', '--no-audit', '--no-fund', `node@${major}`], { cwd: folder, stdio: 'inherit' })
  if (existsSync(binary)) return binary
  console.error(`Node ${major} could not be installed with npm.`)
  process.exit(1)
}

function run(command, args, options) {
  const result = spawnSync(command, args, options)
  if (result.error) throw result.error
  return result
}

function testsOf(name) {
  return `test/${name}`
}
