import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy on a loopback port, which fails as networks do. */
export interface Proxy {
  readonly url: string
  /** Sends new connections to another port. */
  leadTo(port: number): void
  /** Lets nothing pass on open connections, which stay open; new ones work. */
  silence(): void
  /** Lets nothing pass on one connection, by its position in the order of connecting. */
  silenceOne(index: number): void
  /** Closes open connections; new ones work. */
  cut(): void
  /** Delays the data of clients; replies pass at once. */
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
        // A silenced client does not see that its connection was closed either.
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
