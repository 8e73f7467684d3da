import { createServer, get, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { addHeaders } from '../../src/express/outgoing-headers.js'

type Answer = (res: ServerResponse) => unknown

/** Headers that Node itself adds to a response. */
const OF_NODE = /^(date|connection|keep-alive|transfer-encoding|content-length)$/i

/** Status line and headers of one response, as they were sent. */
async function sent(answer: Answer): Promise<{ status: string; headers: string[] }> {
  const server = createServer((_req, res) => {
    answer(res)
    res.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    return await new Promise((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent: false }, (res) => {
        const { rawHeaders: raw } = res
        const headers = raw
          .flatMap((name, at) => (at % 2 === 0 ? [`${name}: ${raw[at + 1]}`] : []))
          .filter((line) => !OF_NODE.test(line.split(':', 1)[0] ?? ''))
        res.resume().on('end', () => resolve({ status: `${res.statusCode} ${res.statusMessage}`, headers }))
      }).on('error', reject)
    })
  } finally {
    server.close()
  }
}

// What each form sends without our header is Node's own behaviour, which nothing may change.
test.each<[string, Answer]>([
  ['nothing', () => {}],
  ['flushHeaders', (res) => res.setHeader('X-A', '1').flushHeaders()],
  ['a status', (res) => res.writeHead(201)],
  ['an object', (res) => res.writeHead(200, { 'X-A': '1', 'Set-Cookie': ['a=1', 'b=2'] })],
  ['a reason and an object', (res) => res.writeHead(200, 'Fine', { 'X-A': '1' })],
  ['an empty reason and an object', (res) => res.writeHead(200, '', { 'X-A': '1' })],
  ['no reason and an object', (res) => res.writeHead(200, undefined, { 'X-A': '1' })],
  ['null as the reason and an object', (res) => res.writeHead(200, null as never, { 'X-A': '1' })],
  ['a flat array', (res) => res.writeHead(200, ['X-A', '1', 'X-B', '2'])],
  ['a flat array with a name twice', (res) => res.writeHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2'])],
  ['pairs', (res) => res.writeHead(200, [['X-A', '1'] as never, ['X-B', '2'] as never])],
  [
    'pairs with a name twice',
    (res) => res.writeHead(200, [['Set-Cookie', 'a=1'] as never, ['Set-Cookie', 'b=2'] as never]),
  ],
  ['what was set, and an object', (res) => res.setHeader('X-A', '1').writeHead(200, { 'X-B': '2' })],
  ['what was set, and a flat array', (res) => res.setHeader('X-A', '1').writeHead(200, ['X-B', '2'])],
])('writeHead with %s sends the headers of Node, and the added one', async (_form, answer) => {
  const own = await sent(answer)
  const withOurs = await sent((res) => {
    addHeaders(res, () => [['Cache-Status', 'keyedcache; hit']])
    answer(res)
  })
  expect(withOurs.status).toBe(own.status)
  expect([...withOurs.headers].sort()).toEqual([...own.headers, 'Cache-Status: keyedcache; hit'].sort())
})

test('the last of several hooks adds its headers first', async () => {
  const { headers } = await sent((res) => {
    addHeaders(res, () => [['Server-Timing', 'first;dur=1']])
    addHeaders(res, () => [['Server-Timing', 'second;dur=2']])
  })
  expect(headers).toEqual(['Server-Timing: second;dur=2', 'Server-Timing: first;dur=1'])
})

test('a hook that throws does not prevent the response', async () => {
  const { status, headers } = await sent((res) => {
    addHeaders(res, () => {
      throw new Error('no figures')
    })
    res.writeHead(200, { 'X-A': '1' })
  })
  expect(status).toBe('200 OK')
  expect(headers).toEqual(['X-A: 1'])
})
