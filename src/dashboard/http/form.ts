import express, { type Request, type Response } from 'express'
import { HttpError } from './http-error.js'

/** Parses a form that has room for the longest key, percent-encoded, and a token. */
const parse = express.urlencoded({ extended: false, limit: '64kb', parameterLimit: 20 })

/**
 * Returns the fields of a submitted form, also where the application has parsed it already.
 * @throws HttpError for anything but a form of bounded size
 */
export async function readForm(req: Request, res: Response): Promise<Record<string, unknown>> {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(req.headers['content-type'] ?? '')) {
    throw new HttpError(415, 'A change must be sent as a form (application/x-www-form-urlencoded).')
  }
  // The application may have read the body: a second read would never end.
  if (!req.readableEnded) await read(req, res)
  const body: unknown = req.body
  if (typeof body === 'object' && body !== null && !Buffer.isBuffer(body))
    return body as Record<string, unknown>
  return {}
}

function read(req: Request, res: Response): Promise<void> {
  return new Promise((resolve, reject) => {
    parse(req, res, (error?: unknown) => {
      if (error) reject(httpErrorOf(error))
      else resolve()
    })
  })
}

function httpErrorOf(error: unknown): unknown {
  const status = (error as { status?: unknown }).status
  if (status === 413) return new HttpError(413, 'The form is too large.')
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new HttpError(400, 'The form could not be read.')
  return error
}
