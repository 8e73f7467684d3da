import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/** An application of somebody else, with the packed package installed as npm does it, without a network. */
export interface Application {
  readonly folder: string
  /** The files of the package, as it is published. */
  readonly packedFiles: readonly string[]
  write(file: string, text: string): void
  /** Runs a command in the application, or a folder of it; returns what it printed, or throws with it. */
  run(command: readonly string[], options?: RunOptions): string
  remove(): void
}

export interface RunOptions {
  readonly in?: string
  readonly env?: Readonly<Record<string, string>>
}

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

/** Installs the package, and links the other packages that the application has. */
export function createApplication(others: readonly string[] = []): Application {
  if (!existsSync('dist/index.js'))
    throw new Error('Nothing is built: run `npm run build`, or the whole `npm test`.')
  const folder = mkdtempSync(join(tmpdir(), 'keyedcache-package-'))
  const run: Application['run'] = (command, { in: at = '.', env } = {}) =>
    execute(command, { cwd: join(folder, at), env })
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  const dependencies = [...productionDependencies('.')].map((name) => `./node_modules/${name}`)
  const packed: Packed[] = JSON.parse(
    execute([
      'npm',
      'pack',
      '.',
      ...dependencies,
      '--json',
      '--ignore-scripts',
      '--pack-destination',
      folder,
    ]),
  )
  write('package.json', '{ "private": true, "type": "module" }')
  const tarballs = packed.map(({ filename }) => `./${filename}`)
  run(['npm', 'install', '--offline', '--ignore-scripts', '--legacy-peer-deps', ...tarballs])
  for (const name of others) link(name, folder)
  return {
    folder,
    packedFiles: packed[0]?.files.map((file) => file.path) ?? [],
    write,
    run,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** A program of this checkout. */
export function bin(name: string): string {
  return resolve('node_modules/.bin', name)
}

/** Runs a command; returns what it printed, or throws with it. */
export function execute(
  command: readonly string[],
  {
    cwd,
    env,
    timeout = 120_000,
  }: { cwd?: string; env?: Readonly<Record<string, string>> | undefined; timeout?: number } = {},
): string {
  const [program = '', ...args] = command
  try {
    const options = {
      encoding: 'utf8',
      stdio: 'pipe',
      timeout,
      env: { ...process.env, ...env },
    } as const
    return execFileSync(program, args, cwd === undefined ? options : { ...options, cwd }).trim()
  } catch (error) {
    const { stdout, stderr, message } = error as { stdout: string; stderr: string; message: string }
    throw new Error(`${command.join(' ')} failed:\n${stdout}${stderr}${message}`)
  }
}

/** The names of everything that a package needs at run time, peers aside, as this checkout has it installed. */
export function productionDependencies(folder: string, found = new Set<string>()): Set<string> {
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const name of Object.keys(dependencies)) {
    if (found.has(name)) continue
    found.add(name)
    productionDependencies(join('node_modules', name), found)
  }
  return found
}

function link(name: string, folder: string): void {
  const place = join(folder, 'node_modules', name)
  mkdirSync(dirname(place), { recursive: true })
  symlinkSync(resolve('node_modules', name), place)
}
