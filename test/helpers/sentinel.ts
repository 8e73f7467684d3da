import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from './ports.js'

/** A Redis Sentinel of this test's own, on a loopback port. */
export interface Sentinel {
  readonly port: number
  stop(): Promise<void>
}

/** Starts a sentinel that watches the master at a port under a name; resolves when it answers for it. */
export async function startSentinel(name: string, masterPort: number): Promise<Sentinel> {
  const directory = mkdtempSync(join(tmpdir(), 'keyedcache-sentinel-'))
  const port = await freePort()
  const file = join(directory, 'sentinel.conf')
  writeFileSync(
    file,
    [
      ...[`port ${port}`, 'bind 127.0.0.1', `dir ${directory}`],
      `sentinel monitor ${name} 127.0.0.1 ${masterPort} 1`,
    ].join('\n'),
  )
  const command = ['redis-server', file, '--sentinel']
  // The kernel ends it with this process, however that ends.
  if (existsSync('/usr/bin/setpriv')) command.unshift('/usr/bin/setpriv', '--pdeathsig', 'KILL')
  const child = spawn(command[0] as string, command.slice(1), { stdio: 'ignore' })
  const isOver = once(child, 'exit')
  const probe = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50, maxRetriesPerRequest: null })
  probe.on('error', () => {})
  await probe.call('SENTINEL', 'get-master-addr-by-name', name)
  probe.disconnect()
  return {
    port,
    async stop() {
      child.kill('SIGKILL')
      await isOver
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
