import { MASKED } from '../secret-names.js'

/** A range of a text and its replacement. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly by: string
}

/** Maximum number of characters of one piece. */
const PIECE = 8_192

/** Sorts edits by their position. Edits that overlap become one mask. */
export function merged(edits: readonly Edit[]): Edit[] {
  const all: Edit[] = []
  for (const edit of [...edits].sort((one, other) => one.start - other.start)) {
    const last = all.at(-1)
    if (last === undefined || edit.start >= last.end) all.push(edit)
    else all[all.length - 1] = { start: last.start, end: Math.max(last.end, edit.end), by: MASKED }
  }
  return all
}

/** Applies edits to a text, or to its first `length` characters, in pieces that split no character. */
export function* edited(
  text: string,
  edits: readonly Edit[],
  length = text.length,
): Generator<string, void, undefined> {
  const last = text.charCodeAt(length - 1)
  const limit = length < text.length && last >= 0xd800 && last < 0xdc00 ? length - 1 : length
  let done = 0
  for (const { start, end, by } of edits) {
    if (start >= limit) break
    yield* sliced(text, done, start)
    yield by
    done = end
  }
  yield* sliced(text, done, limit)
}

function* sliced(text: string, from: number, to: number): Generator<string, void, undefined> {
  for (let start = from; start < to; ) {
    let end = Math.min(to, start + PIECE)
    const last = text.charCodeAt(end - 1)
    if (end < to && last >= 0xd800 && last < 0xdc00) end++
    yield text.slice(start, end)
    start = end
  }
}
