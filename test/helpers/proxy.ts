import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type AnswerOptions, CommandRules } from './command-rules.js'
import { Delivery, type DeliveryMode } from './delivery.js'
import { freePort } from './ports.js'

/** A TCP proxy on a loopback port, which fails as networks do. */
export interface Proxy {
  readonly url: string
  readonly port: number
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

  // Faults that last until `restore`.

  /** Refuses connections, and closes those that are open. */
  refuse(): Promise<void>
  /** Accepts connections and passes nothing. What is held is delivered after `restore`. */
  hold(): void
  /** Closes each connection in the middle of its next reply. */
  cutReplies(): void
  /** Replaces replies by bytes that are no reply. */
  garble(): void
  /** Delivers replies later. */
  delayAnswers(ms: number): void
  /** Delivers replies a few bytes at a time. */
  slow(pace: { readonly bytes: number; readonly everyMs: number }): void
  /** Answers commands with an error, and does not pass them on. Needs `readsCommands`. */
  answer(error: string, options?: AnswerOptions): void
  /**
   * Moves the server's clock, as `TIME` and the scripts read it; its own expiry keeps the real time. Needs
   * `readsCommands`.
   */
  shiftClock(seconds: number): void
  /** Ends all faults of this group. */
  restore(): Promise<void>

  stop(): Promise<void>
}

export interface ProxyOptions {
  /** Whether the proxy reads the commands that pass. @default false */
  readonly readsCommands?: boolean
}

const PASSES: DeliveryMode = { kind: 'pass' }

export async function startProxy(
  target: number,
  { readsCommands = false }: ProxyOptions = {},
): Promise<Proxy> {
  const sockets = new Set<Socket>()
  let silenced = new WeakSet<Socket>()
  const clients: Socket[] = []
  const deliveries = new Set<Delivery>()
  const rules = readsCommands ? new CommandRules() : undefined
  let port = target
  let delayMs = 0
  let mode = PASSES

  const reading = () => {
    if (rules === undefined) throw new Error('This proxy reads no commands: start it with readsCommands.')
    return rules
  }
  const follow = (socket: Socket, onClosed: () => void) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      onClosed()
    })
  }

  const accept = (client: Socket) => {
    clients.push(client)
    const upstream = connect(port, '127.0.0.1')
    const toClient = new Delivery(client, upstream, () => mode)
    const toServer = new Delivery(upstream, client, () => (mode.kind === 'hold' ? mode : PASSES))
    follow(client, () => upstream.destroy())
    follow(upstream, () => {
      // A silenced client does not see that its connection was closed either.
      if (!silenced.has(client)) toClient.end()
    })
    const own = [toClient, toServer]
    for (const delivery of own) deliveries.add(delivery)
    client.on('close', () => {
      for (const delivery of own) deliveries.delete(delivery)
    })
    const commands = rules?.connect({
      toServer: (bytes) => toServer.send(bytes),
      toClient: (bytes) => toClient.send(bytes),
      close: () => client.destroySoon(),
    })
    const passOn = (chunk: Buffer) => (commands ? commands.fromClient(chunk) : toServer.send(chunk))
    client.on('data', (chunk) => {
      if (silenced.has(client)) return
      if (delayMs > 0) setTimeout(() => passOn(chunk), delayMs)
      else passOn(chunk)
    })
    upstream.on('data', (chunk) => {
      if (silenced.has(client)) return
      if (commands) commands.fromServer(chunk)
      else toClient.send(chunk)
    })
  }

  const listening = await listen(accept)
  let server = listening.server
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `redis://127.0.0.1:${listening.port}`,
    port: listening.port,
    leadTo(next) {
      port = next
    },
    silence() {
      silenced = new WeakSet(sockets)
    },
    silenceOne(index) {
      silenced.add(clients[index] as Socket)
    },
    cut,
    delayRequests(ms) {
      delayMs = ms
    },
    async refuse() {
      cut()
      await close(server)
    },
    hold() {
      mode = { kind: 'hold' }
    },
    cutReplies() {
      mode = { kind: 'cut' }
    },
    garble() {
      mode = { kind: 'garble' }
    },
    delayAnswers(ms) {
      mode = { kind: 'delay', ms }
    },
    slow(pace) {
      mode = { kind: 'trickle', ...pace }
    },
    answer: (error, options) => reading().answer(error, options),
    shiftClock: (seconds) => reading().shiftClock(seconds),
    async restore() {
      mode = PASSES
      rules?.clear()
      for (const delivery of deliveries) delivery.resume()
      if (!server.listening) server = (await listen(accept, listening.port)).server
    },
    async stop() {
      cut()
      await close(server)
    },
  }
}

interface Listening {
  readonly server: Server
  readonly port: number
}

/** Listens on a given port, or on a free one from which the kernel takes none meanwhile. */
async function listen(accept: (client: Socket) => void, port?: number): Promise<Listening> {
  for (let attempt = 1; ; attempt++) {
    const chosen = port ?? (await freePort())
    const server = createServer(accept)
    server.listen(chosen, '127.0.0.1')
    try {
      await once(server, 'listening')
      return { server, port: chosen }
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!isTaken || port !== undefined || attempt === 20) throw error
    }
  }
}

async function close(server: Server): Promise<void> {
  if (!server.listening) return
  server.close()
  await once(server, 'close')
}
