import { closingQuote } from './quoted.js'
import { STEP, type Steps, type TextScan } from './scan.js'

export const OPENING = '{[('
export const CLOSING = '}])'

/** Position after the bracket that closes the one at `start`; the end of the text where none does. */
export function* closingBracket({ text }: TextScan, start: number): Steps<number> {
  let depth = 0
  let stepEnds = start + STEP
  for (let at = start; at < text.length; at++) {
    if (at >= stepEnds) {
      yield
      stepEnds = at + STEP
    }
    const character = text.charAt(at)
    if (OPENING.includes(character)) depth++
    else if (CLOSING.includes(character)) {
      depth--
      if (depth === 0) return at + 1
    } else if (character === '"' || (character === "'" && !/\w/.test(text.charAt(at - 1)))) {
      let level = 0
      while (text[at - 1 - level] === '\\' && at - 1 - level > start) level++
      const end = closingQuote(text, at + 1, character, level)
      if (end === -1) return text.length
      at = end
    }
  }
  return text.length
}
