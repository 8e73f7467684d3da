// Characters that are always escaped in a key: the escape sign, the separator, quotes, the signs of Redis
// patterns and cluster hash tags, and invisible characters. Unassigned ones (\p{Cn}) are not: processes with
// older and newer Unicode tables must write the same key.
const FORBIDDEN = /[%:"'`\\*?[\]^{}\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Z}\p{Noncharacter_Code_Point}]/u
const EVERY_FORBIDDEN = new RegExp(FORBIDDEN, 'gu')

// One escape as `escapeCharacter` writes it: a lone surrogate, or the UTF-8 bytes of one character.
const ESCAPE =
  /%uD[89A-F][0-9A-F]{2}|%[0-7][0-9A-F]|%[CD][0-9A-F]%[89AB][0-9A-F]|%E[0-9A-F](?:%[89AB][0-9A-F]){2}|%F[0-7](?:%[89AB][0-9A-F]){3}/g

/** Percent-encodes every forbidden character; {@link unescapeText} is the exact inverse. */
export function escapeText(text: string): string {
  return text.replace(EVERY_FORBIDDEN, escapeCharacter)
}

/**
 * Decodes escapes, once. Only escapes that {@link escapeText} writes count: `%2A` is `*`, while `%2a`, `%41`
 * and a lone `%` are left as they are.
 */
export function unescapeText(text: string): string {
  return text.includes('%') ? text.replace(ESCAPE, unescapeCharacter) : text
}

function escapeCharacter(character: string): string {
  const ascii = ASCII_ESCAPES.get(character)
  if (ascii !== undefined) return ascii
  if (!character.isWellFormed()) return `%u${character.charCodeAt(0).toString(16).toUpperCase()}`
  return percentEncoded(character)
}

function unescapeCharacter(written: string): string {
  if (written.length === 3) return ASCII_UNESCAPES.get(written) ?? written
  if (written.startsWith('%u')) return String.fromCharCode(Number.parseInt(written.slice(2), 16))
  const character = Buffer.from(written.replaceAll('%', ''), 'hex').toString()
  return FORBIDDEN.test(character) && percentEncoded(character) === written ? character : written
}

function percentEncoded(character: string): string {
  return Buffer.from(character).toString('hex').toUpperCase().replace(/../g, '%$&')
}

// Most of what is escaped is ASCII: spaces, colons, quotes.
const ASCII_ESCAPES = new Map(
  Array.from({ length: 128 }, (_, code) => String.fromCharCode(code))
    .filter((character) => FORBIDDEN.test(character))
    .map((character) => [character, percentEncoded(character)]),
)
const ASCII_UNESCAPES = new Map(Array.from(ASCII_ESCAPES, ([character, written]) => [written, character]))
