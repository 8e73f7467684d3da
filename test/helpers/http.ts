import { once } from 'node:events'
import {
  Agent,
  type ClientRequestArgs,
  createServer,
  type RequestListener,
  request,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** A real server around an application, on a loopback port, asked over kept-alive connections. */
export interface TestServer {
  readonly url: string
  readonly port: number
  ask(path: string, options?: ClientRequestArgs & { body?: string }): Promise<Answer>
  close(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly body: string
}

export async function serve(app: RequestListener): Promise<TestServer> {
  const server: Server = createServer(app)
  // A connection that the server closes while the agent takes it for a request is reset.
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    ask: (path, options) => requestOn({ port, path, agent, ...options }),
    close: async () => {
      agent.destroy()
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** Makes a request to a server on this machine. */
export function requestOn({ body, ...options }: ClientRequestArgs & { body?: string }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', ...options }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        text += chunk
      })
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }))
      answer.on('error', reject)
    })
    asking.on('error', reject)
    asking.end(body)
  })
}
