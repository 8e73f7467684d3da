import type { Request, Response } from 'express'
import type { Download, Json, SeeOther } from '../handler-result.js'
import { yieldAfterSlice } from '../scheduling/time-slices.js'
import type { Asset } from './assets.js'
import { HEADERS } from './headers.js'

// Node's own methods only: an application may have its own idea of what `res.send` does.

export function setHeaders(res: Response): void {
  for (const [name, value] of Object.entries(HEADERS)) res.setHeader(name, value)
}

export function sendHtml(req: Request, res: Response, status: number, html: string): void {
  const body = Buffer.from(html)
  res.statusCode = status
  res.setHeader('Content-Type', 'text/html; charset=utf-8')
  res.setHeader('Content-Length', body.length)
  res.end(req.method === 'HEAD' ? undefined : body)
}

export function sendJson(req: Request, res: Response, { json, status = 200 }: Json): void {
  const body = Buffer.from(JSON.stringify(json))
  res.statusCode = status
  res.setHeader('Content-Type', 'application/json; charset=utf-8')
  res.setHeader('Content-Length', body.length)
  res.end(req.method === 'HEAD' ? undefined : body)
}

export function sendRedirect(res: Response, location: string): void {
  res.statusCode = 302
  res.setHeader('Location', location)
  res.setHeader('Content-Length', 0)
  res.end()
}

export function sendSeeOther(res: Response, { location, cookie }: SeeOther): void {
  res.statusCode = 303
  res.setHeader('Location', location)
  // One that the application has set for its own, such as a session, stays.
  res.appendHeader('Set-Cookie', cookie)
  res.setHeader('Content-Length', 0)
  res.end()
}

/** Longest wait for a reader, in milliseconds, before it is dropped: a search keeps its place from others. */
const PATIENCE_MS = { search: 10_000, download: 30_000 }

const CHUNK = 32_768

/** Sends a text while it is made, a slice of time after the other, no faster than it is read. */
export async function sendDownload(
  req: Request,
  res: Response,
  { fileName, pieces }: Download,
  patienceMs = PATIENCE_MS.download,
): Promise<void> {
  res.statusCode = 200
  res.setHeader('Content-Type', 'text/plain; charset=utf-8')
  res.setHeader('Content-Disposition', `attachment; filename="${fileName}"`)
  if (req.method === 'HEAD') {
    res.end()
    return
  }
  let text = ''
  for (const piece of pieces) {
    text += piece
    // Small pieces together, so that a large value does not cost a write for each of its leaves.
    if (text.length >= CHUNK) {
      if (!res.write(text)) await drained(res, patienceMs)
      text = ''
    }
    await yieldAfterSlice()
    if (res.destroyed) return
  }
  res.end(`${text}\n`)
}

/**
 * Sends a page while it is made, no faster than it is read: the next piece is
 * only asked for when the last one has left. The signal comes when the reader goes.
 */
export async function sendStream(
  req: Request,
  res: Response,
  pieces: (signal: AbortSignal) => AsyncIterable<string>,
  patienceMs = PATIENCE_MS.search,
): Promise<void> {
  res.statusCode = 200
  res.setHeader('Content-Type', 'text/html; charset=utf-8')
  // nginx would keep it back until it has much of it.
  res.setHeader('X-Accel-Buffering', 'no')
  if (req.method === 'HEAD') {
    res.end()
    return
  }
  const gone = new AbortController()
  res.once('close', () => gone.abort())
  if (res.destroyed) gone.abort()
  for await (const piece of pieces(gone.signal)) {
    if (res.destroyed) return
    const isTaken = res.write(piece)
    flush(res)
    if (!isTaken) await drained(res, patienceMs)
  }
  res.end()
}

/** Waits until what was written has left. A reader who takes nothing in time is dropped. */
function drained(res: Response, patienceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      res.off('drain', done)
      res.off('close', done)
      resolve()
    }
    const timer = setTimeout(() => res.destroy(), patienceMs)
    res.once('drain', done)
    res.once('close', done)
    if (res.destroyed) done()
  })
}

/** Sends buffered data now, if a middleware compresses the response. */
function flush(res: Response & { flush?: unknown }): void {
  if (typeof res.flush === 'function') res.flush()
}

export function sendAsset(req: Request, res: Response, { type, etag, bytes }: Asset): void {
  res.setHeader('Cache-Control', 'no-cache')
  res.setHeader('ETag', etag)
  if (req.headers['if-none-match'] === etag) {
    res.statusCode = 304
    res.end()
    return
  }
  res.statusCode = 200
  res.setHeader('Content-Type', type)
  res.setHeader('Content-Length', bytes.length)
  res.end(req.method === 'HEAD' ? undefined : bytes)
}
