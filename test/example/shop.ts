import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../helpers/ports.js'

/** The example shop as a process of its own, as `npm run example` starts it, with an empty data folder. */
export interface Shop {
  readonly url: string
  readonly process: ChildProcess
  /** Everything it has printed so far. */
  output(): string
  /** Resolves when it has printed this. */
  printed(pattern: RegExp): Promise<RegExpMatchArray>
  /** Resolves when it has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** SIGTERM, wait for the end, remove the folder. */
  stop(): Promise<void>
}

export interface ShopOptions {
  readonly redis?: string | undefined
  readonly workers?: number | string
  readonly port?: number
  readonly directory?: string
}

/** Starts a shop; resolves when it listens. */
export async function startShop(options: ShopOptions = {}): Promise<Shop> {
  for (let attempt = 1; ; attempt++) {
    const shop = runShop({ ...options, port: options.port ?? (await freePort()) })
    try {
      await shop.printed(/The shop is listening/)
      return shop
    } catch (error) {
      await shop.stop()
      const wasTaken = shop.output().includes('is in use') && options.port === undefined
      if (!wasTaken || attempt === 10) throw error
    }
  }
}

/** Starts a shop and does not wait. */
export function runShop({ redis, workers = 1, port, directory }: ShopOptions & { port: number }): Shop {
  const data = directory ?? mkdtempSync(join(tmpdir(), 'keyedcache-shop-'))
  const command = [process.execPath, 'example-app/server.js', '--workers', String(workers)]
  // The kernel ends the shop when this process is gone, however it goes.
  if (existsSync('/usr/bin/setpriv')) command.unshift('/usr/bin/setpriv', '--pdeathsig', 'TERM')
  const child = spawn(command[0] as string, command.slice(1), {
    env: {
      PATH: process.env.PATH,
      HOST: '127.0.0.1',
      PORT: String(port),
      SHOP_DATA_DIR: data,
      ...(redis !== undefined && { REDIS_URL: redis }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  const { output, printed } = follow(child, ended)
  return {
    url: `http://127.0.0.1:${port}`,
    process: child,
    ended,
    output,
    printed,
    async stop() {
      child.kill('SIGTERM')
      await ended
      if (directory === undefined) rmSync(data, { recursive: true, force: true })
    },
  }
}

function follow(child: ChildProcess, ended: Promise<unknown>) {
  let text = ''
  const listeners = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      for (const listener of listeners) listener()
    })
  }
  return {
    output: () => text,
    printed: (pattern: RegExp) =>
      new Promise<RegExpMatchArray>((resolve, reject) => {
        const look = () => {
          const found = text.match(pattern)
          if (!found) return
          listeners.delete(look)
          resolve(found)
        }
        listeners.add(look)
        look()
        void ended.then(() => reject(new Error(`The shop ended without printing ${pattern}:\n${text}`)))
      }),
  }
}
