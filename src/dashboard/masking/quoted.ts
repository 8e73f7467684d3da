const BACKSLASH = 0x5c

/** Backslashes right before a position: they say how deep a quotation mark lies in texts within texts. */
export function backslashesBefore(text: string, at: number): number {
  let start = at
  while (start > 0 && text.charCodeAt(start - 1) === BACKSLASH) start--
  return at - start
}

/**
 * Where a quoted text ends: the position of the mark that closes it, -1 where none does. Within a JSON text that is
 * itself the value of another one, `\"` closes what `\"` has opened; a mark with fewer backslashes closes it, too.
 */
export function closingQuote(text: string, from: number, mark: string, level: number): number {
  const period = 2 * (level + 1)
  for (let at = text.indexOf(mark, from); at !== -1; at = text.indexOf(mark, at + 1)) {
    const backslashes = Math.min(backslashesBefore(text, at), at - from)
    if (backslashes < level || backslashes % period === level) return at
  }
  return -1
}
