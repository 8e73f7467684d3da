import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Starts an empty redis-server, in memory only, on a loopback port, with further arguments. `stop()` ends it. */
export async function startRedis(args = []) {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'keyedcache-bench-'))
  const server = spawn(
    'redis-server',
    [
      ...['--port', port, '--bind', '127.0.0.1', '--dir', directory, '--save', '', '--appendonly', 'no'],
      ...args,
    ].map(String),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const end = () => {
    server.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
  process.once('exit', end)
  let log = ''
  for await (const chunk of server.stdout.iterator({ destroyOnReturn: false })) {
    log += chunk
    if (log.includes('Ready to accept connections')) break
  }
  if (!log.includes('Ready')) throw new Error(`redis-server did not start:\n${log}`)
  server.stdout.resume()
  return {
    url: `redis://127.0.0.1:${port}`,
    /** Stops replies; connections stay open and are accepted. */
    freeze: () => server.kill('SIGSTOP'),
    thaw: () => server.kill('SIGCONT'),
    async stop() {
      process.removeListener('exit', end)
      const gone = once(server, 'exit')
      end()
      await gone
    },
  }
}

/** Number of calls of each command so far, in scripts too. */
export async function commandCounts(client) {
  const info = await client.info('commandstats')
  const counts = new Map()
  for (const [, name, calls] of info.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)) counts.set(name, Number(calls))
  return counts
}

/** Calls since `before`, without those that read the numbers. */
export function countedSince(before, after) {
  const counts = new Map()
  for (const [name, calls] of after) {
    const more = calls - (before.get(name) ?? 0)
    if (more > 0 && name !== 'info') counts.set(name, more)
  }
  return counts
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
