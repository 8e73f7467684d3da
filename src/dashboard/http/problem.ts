import { CacheNotRespondingError } from '../../errors.js'
import type { Json, Page } from '../handler-result.js'
import { HttpError } from './http-error.js'

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Sign-in required',
  403: 'Access denied',
  404: 'Not found',
  405: 'Method not allowed',
  413: 'Form too large',
  415: 'Unsupported content type',
  503: 'Store not responding',
}

/** The page for an error. Only an `HttpError` shows its message: any other error may contain secrets. */
export function problemPage(error: unknown): Page & { readonly status: number } {
  const { status, message, hint, retryAfter } = httpErrorOf(error)
  return {
    view: 'problem',
    status,
    title: retryAfter === undefined ? (TITLES[status] ?? 'Internal error') : 'Server busy',
    data: { status, message, hint },
  }
}

/** The JSON for an error. */
export function problemJson(error: unknown): Json {
  const { status, message, hint } = httpErrorOf(error)
  return { status, json: { error: { status, message, ...(hint !== undefined && { hint }) } } }
}

function httpErrorOf(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (error instanceof CacheNotRespondingError) return new HttpError(503, error.message)
  return new HttpError(
    500,
    'The dashboard failed to answer this request.',
    'The application log has the error.',
  )
}
