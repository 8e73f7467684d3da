import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './ports.js'

/** A real redis-server for one test or one file: empty, in memory only, on a loopback port. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Changes with {@link restart}. */
  readonly pid: number
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void
  /** SIGCONT: continues, with the commands that clients have sent meanwhile. */
  thaw(): void
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** A new, empty server on the same port; the old one is killed if it still runs. */
  restart(): Promise<void>
  /** Kills the server and removes its folder. */
  stop(): Promise<void>
}

const READY = 'Ready to accept connections'
const PORT_TAKEN = 'Address already in use'

/** Starts a redis-server with `args` added to its command line. It ends with this process, however that ends. */
export async function startRedis(options: { args?: string[] } = {}): Promise<RedisServer> {
  const args = options.args ?? []
  const directory = mkdtempSync(join(tmpdir(), 'keyedcache-redis-'))
  removeOnExit(directory)
  let port = await freePort()
  let server = await run(port, directory, args)
  for (let attempt = 1; server === undefined && attempt < 20; attempt++) {
    port = await freePort()
    server = await run(port, directory, args)
  }
  if (server === undefined) throw new Error('redis-server found no free port in 20 attempts')
  let child: ChildProcess = server

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return child.pid as number
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill: () => kill(child),
    async restart() {
      await kill(child)
      const next = await run(port, directory, args)
      if (next === undefined) throw new Error(`redis-server cannot restart: port ${port} was taken meanwhile`)
      child = next
    },
    async stop() {
      await kill(child)
      rmSync(directory, { recursive: true, force: true })
      directories.delete(directory)
    },
  }
}

/** Resolves when the server accepts connections, or to `undefined` when its port is taken. */
function run(port: number, directory: string, args: string[]): Promise<ChildProcess | undefined> {
  const command = [
    'redis-server',
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory],
    ...['--save', '', '--appendonly', 'no', '--daemonize', 'no', '--logfile', ''],
    ...args,
  ]
  // The kernel kills the server when this process is gone, even by SIGKILL, where an exit hook can't run.
  if (existsSync('/usr/bin/setpriv')) command.unshift('/usr/bin/setpriv', '--pdeathsig', 'KILL')

  return new Promise((resolve, reject) => {
    const child = spawn(command[0] as string, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
    killOnExit(child)
    let output = ''
    const read = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-10_000)
      if (output.includes(READY)) {
        // From here on the log only has to flow, so that the server never blocks on a full pipe.
        child.stdout?.removeAllListeners('data').resume()
        child.stderr?.removeAllListeners('data').resume()
        resolve(child)
      }
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('error', (error) => reject(isMissing(error) ? missing() : error))
    child.once('close', (code, signal) => {
      if (output.includes(PORT_TAKEN)) resolve(undefined)
      else if (output.includes('failed to execute')) reject(missing())
      else reject(new Error(`redis-server ended at once (${signal ?? code}):\n${output}`))
    })
  })
}

function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

function isMissing(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

function missing(): Error {
  return new Error(
    'redis-server is not installed, and these tests run against a real one. ' +
      'Get it with `npm test` (which installs it where it may), `apt-get install redis-server` or `brew install redis`.',
  )
}

const running = new Set<ChildProcess>()
const directories = new Set<string>()
let hooked = false

function killOnExit(child: ChildProcess): void {
  hookExit()
  running.add(child)
  child.once('exit', () => running.delete(child))
}

function removeOnExit(directory: string): void {
  hookExit()
  directories.add(directory)
}

function hookExit(): void {
  if (hooked) return
  hooked = true
  process.once('exit', cleanUp)
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.once(signal, () => {
      cleanUp()
      // Without this listener the signal has its default effect again.
      process.kill(process.pid, signal)
    })
  }
}

function cleanUp(): void {
  for (const child of running) child.kill('SIGKILL')
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
}
