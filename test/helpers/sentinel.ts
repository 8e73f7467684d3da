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
  /** Port of the server that is the master by this sentinel. */
  masterPort(): Promise<number>
  /** Number of replicas that it knows. */
  replicas(): Promise<number>
  stop(): Promise<void>
}

export interface SentinelOptions {
  /** Milliseconds after which a master that does not answer is replaced. @default 1_000 */
  readonly downAfterMs?: number
}

/**
 * Starts a sentinel that watches the master at a port under a name; resolves when it answers for it. It alone decides
 * that the master is down, and replaces it by a replica.
 */
export async function startSentinel(
  name: string,
  masterPort: number,
  { downAfterMs = 1_000 }: SentinelOptions = {},
): Promise<Sentinel> {
  const directory = mkdtempSync(join(tmpdir(), 'keyedcache-sentinel-'))
  const port = await freePort()
  const file = join(directory, 'sentinel.conf')
  writeFileSync(
    file,
    [
      ...[`port ${port}`, 'bind 127.0.0.1', `dir ${directory}`],
      `sentinel monitor ${name} 127.0.0.1 ${masterPort} 1`,
      `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
      `sentinel failover-timeout ${name} ${5 * downAfterMs}`,
    ].join('\n'),
  )
  const command = ['redis-server', file, '--sentinel']
  // The kernel ends it with this process, however that ends.
  if (existsSync('/usr/bin/setpriv')) command.unshift('/usr/bin/setpriv', '--pdeathsig', 'KILL')
  const child = spawn(command[0] as string, command.slice(1), { stdio: 'ignore' })
  const isOver = once(child, 'exit')
  const probe = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50, maxRetriesPerRequest: null })
  probe.on('error', () => {})
  const masterAt = async () => {
    const [, at] = (await probe.call('SENTINEL', 'get-master-addr-by-name', name)) as [string, string]
    return Number(at)
  }
  await masterAt()
  return {
    port,
    masterPort: masterAt,
    async replicas() {
      return ((await probe.call('SENTINEL', 'replicas', name)) as unknown[]).length
    },
    async stop() {
      probe.disconnect()
      child.kill('SIGKILL')
      await isOver
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
