import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Listens, and accepts nothing while it is stopped. */
const LISTEN = `
const server = require('node:net').createServer()
server.listen(Number(process.argv[1]), '127.0.0.1', 1, () => console.log(server.address().port))
`

/** A port on which connecting neither succeeds nor fails, as behind a firewall that drops packets. */
export interface BlackHole {
  readonly port: number
  readonly url: string
  stop(): void
}

/** Opens one on a free port, or on this one: its listener is stopped, and its queue of connections is full. */
export async function openBlackHole(onPort = 0): Promise<BlackHole> {
  const listener = spawn(process.execPath, ['-e', LISTEN, String(onPort)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(listener.stdout, 'data')
  listener.kill('SIGSTOP')
  const port = Number(String(line))
  const sockets: Socket[] = []
  const stop = () => {
    for (const socket of sockets) socket.destroy()
    listener.kill('SIGKILL')
  }
  // The kernel accepts as many as fit into the queue.
  for (let free = true; free; ) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    sockets.push(socket)
    const connected = once(socket, 'connect').then(() => true)
    free = await Promise.race([connected, new Promise<false>((resolve) => setTimeout(resolve, 200, false))])
    if (sockets.length > 100) {
      stop()
      throw new Error('This system accepts connections to a listener that is stopped.')
    }
  }
  return { port, url: `redis://127.0.0.1:${port}`, stop }
}
