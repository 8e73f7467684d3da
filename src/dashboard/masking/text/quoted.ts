const BACKSLASH = 0x5c

/** A quoted text that is not closed yet. */
export interface Quote {
  readonly mark: string
  /** Number of backslashes before the mark: how deep the text lies in texts within texts. */
  readonly level: number
  readonly start: number
}

/** Number of backslashes right before a position. */
export function backslashesBefore(text: string, at: number): number {
  let start = at
  while (start > 0 && text.charCodeAt(start - 1) === BACKSLASH) start--
  return at - start
}

/**
 * Position of the mark that closes a quoted text, or -1. In a JSON text that is the value of another one, `\"` closes
 * what `\"` has opened; a mark with fewer backslashes closes it, too.
 */
export function closingQuote(text: string, from: number, mark: string, level: number): number {
  const period = 2 * (level + 1)
  for (let at = text.indexOf(mark, from); at !== -1; at = text.indexOf(mark, at + 1)) {
    const backslashes = Math.min(backslashesBefore(text, at), at - from)
    if (backslashes < level || backslashes % period === level) return at
  }
  return -1
}

/** End of a quoted value and of what is glued to it; `undefined` where no quote opens. */
export function endOfQuoted(text: string, start: number, within?: Quote): number | undefined {
  let at = start
  while (text[at] === '\\') at++
  const mark = text.charAt(at)
  if (mark !== '"' && mark !== "'" && mark !== '`') return undefined
  const level = at - start
  if (within?.mark === mark && level <= within.level) return start
  let end = closingQuote(text, at + 1, mark, level)
  // Two marks are one that belongs to the text, as in SQL.
  while (end !== -1 && text[end + 1] === mark) end = closingQuote(text, end + 2, mark, level)
  if (end === -1) return text.length
  let glued = end + 1
  while (glued < text.length && !/[\s,;&)}\]><:\\"'`]/.test(text.charAt(glued))) glued++
  return glued
}

/** Whether a quoted text that has begun before ends at a position. */
export function closes(text: string, at: number, within: Quote | undefined): boolean {
  if (within === undefined) return false
  let mark = at
  while (text[mark] === '\\' && mark - at <= within.level) mark++
  const level = mark - at
  return text[mark] === within.mark && level <= within.level
}
