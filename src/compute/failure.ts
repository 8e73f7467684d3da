import { type Payload, serializeValue } from '../codec/codec.js'

/** The stored part of an error. */
interface FailureRecord {
  readonly name: string
  readonly message: string
  readonly code?: string | number | undefined
}

const MAX_TEXT = 2_000

/** Serialises what a factory threw: anything, also an object whose properties throw. */
export function serializeFailure(thrown: unknown): Payload {
  try {
    return serializeValue(recordOf(thrown))
  } catch {
    return serializeValue({ name: 'Error', message: 'an error that cannot be read' } satisfies FailureRecord)
  }
}

function recordOf(thrown: unknown): FailureRecord {
  if (!(thrown instanceof Error)) return { name: 'Error', message: clip(thrown) }
  const { name, message, code } = thrown as Error & { readonly code?: unknown }
  const record = { name: clip(name), message: clip(message) }
  if (typeof code === 'number') return { ...record, code }
  return typeof code === 'string' ? { ...record, code: clip(code) } : record
}

/** An error with the name, message and code of the one that was stored. */
export function restoreFailure(record: unknown): Error {
  const { name = 'Error', message = '', code } = (record ?? {}) as Partial<FailureRecord>
  const error = new Error(String(message))
  error.name = String(name)
  return code === undefined ? error : Object.assign(error, { code })
}

function clip(text: unknown): string {
  return String(text).slice(0, MAX_TEXT)
}
