import { MASKED, type SecretNames } from './secret-names.js'
import { type Edit, edited, merged } from './text/edits.js'
import type { Steps } from './text/scan.js'
import { scanText } from './text/scanner.js'

/** Maximum number of texts within texts. A deeper one is masked as a whole where it could hold another text. */
const MAX_DEPTH = 6

/** A plain word: it is too short to be a token, and names nothing. */
const PLAIN = /^[\w-]{0,15}$/

/**
 * Masks what looks secret in a text: the values of secret names, in whatever notation (JSON, forms, queries, cookies,
 * headers, XML, YAML, paths, command lines), and what has the shape of a key or a token.
 */
export function maskText(text: string, secrets: SecretNames): string {
  const steps = maskedText(text, secrets)
  let masked = ''
  for (const piece of steps) masked += piece
  return masked
}

/**
 * Masks a text like `maskText`, in pieces. An empty piece is a place to let other work have its turn. Its time is
 * linear in the length of the text.
 * @param length maximum number of characters to return, masked by the whole text
 */
export function* maskedText(
  text: string,
  secrets: SecretNames,
  length?: number,
): Generator<string, void, undefined> {
  const steps = editsOf(text, secrets, 0)
  let step = steps.next()
  for (; !step.done; step = steps.next()) yield ''
  yield* edited(text, step.value, length)
}

function* editsOf(text: string, secrets: SecretNames, depth: number): Steps<readonly Edit[]> {
  if (PLAIN.test(text)) return []
  if (depth > MAX_DEPTH) return /[=:%"'/<]/.test(text) ? [{ start: 0, end: text.length, by: MASKED }] : []
  const edits: Edit[] = []
  const inner = function* (within: string): Steps<string> {
    const found = yield* editsOf(within, secrets, depth + 1)
    return found.length === 0 ? within : [...edited(within, found)].join('')
  }
  yield* scanText({ text, secrets, edits, inner })
  return merged(edits)
}
