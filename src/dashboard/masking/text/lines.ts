import { closingQuote, type Quote } from './quoted.js'

/** End of the line of a value, or of the quoted text around it. */
export function endOfLine(text: string, start: number, within: Quote | undefined): number {
  const rest = text.indexOf('\n', start)
  let end = rest === -1 ? text.length : rest
  if (within !== undefined) {
    const quote = closingQuote(text.slice(0, end), start, within.mark, within.level)
    if (quote !== -1) end = quote - within.level
  }
  return end
}

/** End of the lines that are indented more than the line of the name: headers and YAML continue a value there. */
export function endOfBlock(text: string, name: number, lineEnd: number): number {
  const indent = indentOf(text, text.lastIndexOf('\n', Math.max(0, name - 1)) + 1)
  let end = lineEnd
  for (;;) {
    let line = end
    while (text[line] === '\r' || text[line] === '\n') line++
    if (line === end || line === text.length) return end
    const own = indentOf(text, line)
    const isItem = own === indent && text.startsWith('- ', line + own)
    if (own <= indent && !isItem) return end
    const next = text.indexOf('\n', line)
    end = next === -1 ? text.length : next
  }
}

function indentOf(text: string, line: number): number {
  let at = line
  while (text[at] === ' ' || text[at] === '\t') at++
  return at - line
}
