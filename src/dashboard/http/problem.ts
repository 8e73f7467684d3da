import { CacheNotRespondingError } from '../../errors.js'
import type { Json, Page } from '../page-request.js'
import { Refusal } from './refusal.js'

const TITLES: Readonly<Record<number, string>> = {
  400: 'That cannot be done',
  401: 'Sign in first',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Not this way',
  413: 'Too large',
  415: 'Not a form',
  503: 'The store is not responding',
}

/** The page for what went wrong. Only a refusal is told: anything else may say more than it should. */
export function problemPage(error: unknown): Page & { readonly status: number } {
  const { status, message, hint, retryAfter } = refusalFor(error)
  return {
    view: 'problem',
    status,
    title: retryAfter === undefined ? (TITLES[status] ?? 'Something went wrong') : 'Busy at the moment',
    data: { status, message, hint },
  }
}

/** The same for programs. */
export function problemJson(error: unknown): Json {
  const { status, message, hint } = refusalFor(error)
  return { status, json: { error: { status, message, ...(hint !== undefined && { hint }) } } }
}

function refusalFor(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof CacheNotRespondingError) return new Refusal(503, error.message)
  return new Refusal(
    500,
    'Something went wrong here. It has been logged.',
    'Nothing is wrong with what you asked for.',
  )
}
