import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy on a loopback port, to do to connections what networks do. */
export interface Proxy {
  readonly url: string
  /** From now on new connections go to another port. */
  leadTo(port: number): void
  /** Connections that are open stay so, but nothing passes any more; new ones work. */
  silence(): void
  /** The same for one of them, by the order in which they came. */
  silenceOne(index: number): void
  /** Ends the connections that are open; new ones work. */
  cut(): void
  /** Holds what clients send for so long; what comes back passes at once. */
  delayRequests(ms: number): void
  stop(): Promise<void>
}

export async function startProxy(target: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let silenced = new WeakSet<Socket>()
  const clients: Socket[] = []
  let port = target
  let delayMs = 0
  const server = createServer((client) => {
    clients.push(client)
    const upstream = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        // A silenced client is not told that it was given up either.
        if (from === client || !silenced.has(client)) to.destroy()
      })
    }
    client.on('data', (chunk) => {
      if (silenced.has(client)) return
      if (delayMs > 0) setTimeout(() => upstream.write(chunk), delayMs)
      else upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (!silenced.has(client)) client.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadTo(next) {
      port = next
    },
    silence() {
      silenced = new WeakSet(sockets)
    },
    silenceOne(index) {
      silenced.add(clients[index] as Socket)
    },
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    delayRequests(ms) {
      delayMs = ms
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
