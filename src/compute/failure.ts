import { type Payload, serializeValue } from '../codec/codec.js'

/** What is kept of an error: enough to tell what it was. */
interface FailureRecord {
  readonly name: string
  readonly message: string
  readonly code?: string | number | undefined
}

const MAX_TEXT = 2_000

/** What a factory threw, as bytes. */
export function serializeFailure(thrown: unknown): Payload {
  const { name, message, code } =
    thrown instanceof Error ? (thrown as Error & { code?: unknown }) : unnamed(thrown)
  const record: FailureRecord = { name: clip(name), message: clip(message) }
  const hasCode = typeof code === 'string' || typeof code === 'number'
  return serializeValue(hasCode ? { ...record, code: typeof code === 'string' ? clip(code) : code } : record)
}

/** An error that tells what another process's, or an earlier one, said. */
export function restoreFailure(record: unknown): Error {
  const { name = 'Error', message = '', code } = (record ?? {}) as Partial<FailureRecord>
  const error = new Error(String(message))
  error.name = String(name)
  return code === undefined ? error : Object.assign(error, { code })
}

function unnamed(thrown: unknown) {
  return { name: 'Error', message: String(thrown), code: undefined }
}

function clip(text: unknown): string {
  return String(text).slice(0, MAX_TEXT)
}
