import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Request, Response } from 'express'
import { expect, onTestFinished, test } from 'vitest'
import { sendDownload, sendStream } from '../../src/dashboard/http/responses.js'

/** A server that would send for ever, and what has become of it. */
async function endless() {
  const sent = { pieces: 0, ended: false }
  async function* pieces() {
    try {
      for (;;) {
        sent.pieces++
        yield 'x'.repeat(65_536)
      }
    } finally {
      sent.ended = true
    }
  }
  const server = createServer((req, res) => {
    sendStream(req as Request, res as Response, pieces).catch(() => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const [answer] = (await once(
    get(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    'response',
  )) as [IncomingMessage]
  answer.on('error', () => {})
  return { sent, answer }
}

test('a page is generated no faster than it is read, and not after the client has gone', async () => {
  const { sent, answer } = await endless()
  let before = 0
  await expect
    .poll(
      () => {
        const made = sent.pieces - before
        before = sent.pieces
        return before > 0 && made === 0
      },
      { interval: 200 },
    )
    .toBe(true)
  // What the sockets between hold, and no more.
  expect(before).toBeLessThan(1_000)
  for (let read = 0; read < 10_000_000; read += (answer.read() as Buffer | null)?.length ?? 0)
    if (answer.readableLength === 0) await once(answer, 'readable')
  await expect.poll(() => sent.pieces).toBeGreaterThan(before)
  expect(sent.ended).toBe(false)
  answer.destroy()
  await expect.poll(() => sent.ended).toBe(true)
})

test('the compression of an application is flushed after each part', async () => {
  const flushed: string[] = []
  const server = createServer((req, res) => {
    const written: string[] = []
    const write = res.write.bind(res) as (piece: string) => boolean
    Object.assign(res, {
      write(piece: string) {
        written.push(piece)
        return write(piece)
      },
      flush: () => flushed.push(written.join('')),
    })
    async function* pieces() {
      yield 'one '
      yield 'two'
    }
    sendStream(req as Request, res as unknown as Response, pieces).catch(() => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  expect(await answer.text()).toBe('one two')
  expect(flushed).toEqual(['one ', 'one two'])
})

/** A server that sends with little patience, a client that reads nothing, and whether the response was closed. */
async function unread(send: (req: Request, res: Response, ended: () => void) => Promise<void>) {
  const state = { ended: false, closed: false }
  const server = createServer((req, res) => {
    res.once('close', () => {
      state.closed = true
    })
    send(req as Request, res as Response, () => {
      state.ended = true
    }).catch(() => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const asked = get(`http://127.0.0.1:${port}`, { agent: false })
  asked.on('error', () => {})
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  answer.on('error', () => {})
  onTestFinished(() => void asked.destroy())
  return state
}

test('a client that never reads a streamed page is dropped, and the page ends', async () => {
  const state = await unread(async (req, res, ended) => {
    async function* pieces() {
      try {
        for (;;) yield 'x'.repeat(65_536)
      } finally {
        ended()
      }
    }
    await sendStream(req, res, pieces, 100)
  })
  await expect.poll(() => state).toEqual({ ended: true, closed: true })
})

test('a client that never reads a download is dropped', async () => {
  const state = await unread(async (req, res, ended) => {
    function* pieces() {
      try {
        for (;;) yield 'x'.repeat(65_536)
      } finally {
        ended()
      }
    }
    await sendDownload(req, res, { fileName: 'x.txt', pieces: pieces() }, 100)
  })
  await expect.poll(() => state).toEqual({ ended: true, closed: true })
})
