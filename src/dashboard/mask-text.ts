import { MASKED, type SecretNames } from './secrets.js'

/** A name, and what joins it to its value: `"token":`, `token=`, `Authorization: `. */
const NAMED = /(["'\\]{0,4})\b([A-Za-z][\w.-]{0,80})\1(\s{0,8}[:=]\s{0,8})/g

const UNQUOTED = /[^\r\n&;,"'<>]*/y

/** The values in a text (JSON, a query, headers) whose names look secret, masked. */
export function maskText(text: string, secrets: SecretNames): string {
  let masked = ''
  let done = 0
  for (const match of text.matchAll(NAMED)) {
    const start = match.index + match[0].length
    if (match.index < done || !secrets.has(match[2] as string)) continue
    const end = valueEnd(text, start, match[3] as string)
    if (end === start) continue
    masked += text.slice(done, start) + MASKED
    done = end
  }
  return masked + text.slice(done)
}

/** Where a value ends. In doubt with its line: headers hold spaces, and what is nested looks like anything. */
function valueEnd(text: string, start: number, joint: string): number {
  const quote = text.charAt(start)
  if (quote === '"' || quote === "'") {
    for (let at = start + 1; at < text.length; at++) {
      if (text.charAt(at) === '\\') at++
      else if (text.charAt(at) === quote) return at + 1
    }
    return text.length
  }
  if (joint.includes('=')) {
    UNQUOTED.lastIndex = start
    return start + (UNQUOTED.exec(text)?.[0].length ?? 0)
  }
  const end = text.indexOf('\n', start)
  return end === -1 ? text.length : end
}
