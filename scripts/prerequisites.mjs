import { spawnSync } from 'node:child_process'

const CHROMIUM_NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const APT_PACKAGES = { 'redis-server': 'redis-server', chromium: 'chromium' }

/** The programs which the tests need and which don't run here. */
export function missingPrograms() {
  return [
    ...(runs('redis-server', '--version') ? [] : ['redis-server']),
    ...(chromiumPath() ? [] : ['chromium']),
  ]
}

let foundChromium
/**
 * A Chromium that really runs: on Ubuntu the name may belong to a stub which only says that there is a snap.
 * A file that CHROMIUM_PATH names is taken or nothing is.
 */
export function chromiumPath() {
  const names = process.env.CHROMIUM_PATH ? [process.env.CHROMIUM_PATH] : CHROMIUM_NAMES
  foundChromium ??= names.find((name) => runs(name, '--version'))
  return foundChromium && which(foundChromium)
}

/** Tries to install programs on Debian and its kin, as root or with a sudo that asks for no password. */
export function installWithApt(programs) {
  if (process.platform !== 'linux' || !runs('apt-get', '--version')) return
  const root = process.getuid() === 0
  if (!root && !runs('sudo', '-n', 'true')) return
  const packages = programs.map((program) => APT_PACKAGES[program])
  console.log(`Installing ${packages.join(' and ')} with apt-get.`)
  const apt = (...args) => {
    const command = [
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      '-q',
      '-o',
      'DPkg::Lock::Timeout=300',
      ...args,
    ]
    if (!root) command.unshift('sudo', '-n')
    return spawnSync(command[0], command.slice(1), { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0
  }
  // One dead source fails the update, though what is wanted may be in another: so install all the same.
  apt('update')
  // One by one: on Ubuntu, where there is no package chromium, redis-server still comes.
  for (const name of packages) apt('install', '-y', '--no-install-recommends', name)
}

/** Whether an engine answers, not only whether the client is there. */
export function dockerWorks() {
  return runs('docker', 'compose', 'version') && runs('docker', 'info')
}

function runs(command, ...args) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 30_000 }).status === 0
}

function which(command) {
  if (command.includes('/')) return command
  const { stdout } = spawnSync('which', [command], { encoding: 'utf8' })
  return stdout.trim()
}
