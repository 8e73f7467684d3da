import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** Ends the connection instead of a reply. */
export const CUT = Symbol('cut')

/** Sends no reply, now or ever. */
export const SILENCE = Symbol('silence')

/** Sends a reply in parts; resolves when it is complete. Later replies wait for it. */
export type Trickle = (send: (part: string) => void) => Promise<void>

/** A reply as it is on the wire, or what happens instead; `undefined` for the usual reply. */
export type ScriptedReply = string | Trickle | typeof CUT | typeof SILENCE | undefined

/** A command in lower case (its arguments as they are), and the connection that it came on, from 1. */
export type Answer = (command: readonly string[], connection: number) => ScriptedReply

/** A server that speaks the protocol of Redis and replies as a test has it: for what no installed Redis does on demand. */
export interface ScriptedRedis {
  readonly url: string
  /** Number of connections since the start. */
  readonly connections: number
  /** Reads nothing from open connections for a while, as over a slow network. */
  pauseReading(ms: number): void
  stop(): Promise<void>
}

/** `clock` gives the server's time for a connection, in milliseconds since the epoch. */
export async function startScriptedRedis(
  answer: Answer,
  clock: (connection: number) => number = Date.now,
): Promise<ScriptedRedis> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    const connection = ++connections
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    const send = (part: string) => void socket.write(part, 'latin1')
    let sending: Promise<void> | undefined
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      for (let next = takeCommand(received); next && !socket.destroyed; next = takeCommand(received)) {
        received = next.rest
        const reply = answer(next.command, connection) ?? usualReply(next.command, clock(connection))
        if (reply === CUT) {
          socket.destroySoon()
          return
        }
        if (reply === SILENCE) continue
        if (typeof reply === 'function') sending = (sending ?? Promise.resolve()).then(() => reply(send))
        else if (sending) sending = sending.then(() => send(reply))
        else send(reply)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections
    },
    pauseReading(ms) {
      for (const socket of sockets) {
        socket.pause()
        setTimeout(() => socket.resume(), ms)
      }
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

export const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`

export const array = (parts: readonly string[]) => `*${parts.length}\r\n${parts.join('')}`

/** Reply of a script that has run. */
const done = (now: number) => array([':1\r\n', `:${Math.floor(now)}\r\n`])

function usualReply([name = '', ...args]: readonly string[], now: number): string {
  if (name === 'time')
    return array([bulk(`${Math.floor(now / 1_000)}`), bulk(`${Math.floor(now % 1_000)}000`)])
  if (name === 'info') return bulk('redis_version:7.0.0\r\nloading:0\r\nrole:master\r\n')
  if (name === 'mget') return array(args.map(() => '$-1\r\n'))
  if (name === 'evalsha') return done(now)
  return '+OK\r\n'
}

/** Takes the first whole command out of what was received. */
function takeCommand(text: string): { command: string[]; rest: string } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text)
  if (!head) return undefined
  const command: string[] = []
  let at = head[0].length
  for (let part = 0; part < Number(head[1]); part++) {
    const length = /^\$(\d+)\r\n/.exec(text.slice(at, at + 16))
    if (!length) return undefined
    const from = at + length[0].length
    at = from + Number(length[1]) + 2
    if (text.length < at) return undefined
    command.push(text.slice(from, at - 2))
  }
  return { command: [(command[0] ?? '').toLowerCase(), ...command.slice(1)], rest: text.slice(at) }
}
