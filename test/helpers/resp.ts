/**
 * The wire format of Redis, as far as a proxy needs it: where a value ends, and what a command says.
 * @see https://redis.io/docs/latest/develop/reference/protocol-spec/
 */

const CR = 0x0d
const LF = 0x0a

/** Number of values in an aggregate for each of its counted elements, by type: an array has one, a map two. */
const AGGREGATES: Readonly<Record<string, number>> = { '*': 1, '~': 1, '>': 1, '%': 2, '|': 2 }
const BULKS = new Set(['$', '!', '='])

/** Offset after the value that begins at `start`; `undefined` while its end has not arrived. */
export function endOfValue(bytes: Buffer, start = 0): number | undefined {
  const line = endOfLine(bytes, start)
  if (line === undefined) return undefined
  const type = String.fromCharCode(bytes[start] as number)
  const perElement = AGGREGATES[type]
  const isBulk = BULKS.has(type)
  if (!isBulk && perElement === undefined) return line
  // A null has the length -1, and nothing after its line.
  const length = Number(bytes.toString('latin1', start + 1, line - 2))
  if (isBulk) {
    const end = length < 0 ? line : line + length + 2
    return end <= bytes.length ? end : undefined
  }
  // An attribute belongs to the value that follows it.
  const values = length * (perElement as number) + (type === '|' ? 1 : 0)
  let end: number | undefined = line
  for (let index = 0; index < values && end !== undefined; index++) end = endOfValue(bytes, end)
  return end
}

function endOfLine(bytes: Buffer, start: number): number | undefined {
  for (let at = bytes.indexOf(CR, start); at !== -1; at = bytes.indexOf(CR, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2
  }
  return undefined
}

/** Splits a stream of bytes into whole values. */
export class ValueSplitter {
  #rest: Buffer = Buffer.alloc(0)

  /** Takes the next bytes, and returns the values that are complete now. */
  push(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const values: Buffer[] = []
    let start = 0
    for (let end = endOfValue(this.#rest); end !== undefined; end = endOfValue(this.#rest, start)) {
      values.push(this.#rest.subarray(start, end))
      start = end
    }
    this.#rest = this.#rest.subarray(start)
    return values
  }
}

/** The words of a command: an array of bulk strings, or a line as people type it. */
export function wordsOf(command: Buffer): Buffer[] {
  const line = endOfLine(command, 0) as number
  const text = command.toString('latin1', 0, line - 2)
  if (!text.startsWith('*'))
    return text
      .split(' ')
      .filter(Boolean)
      .map((word) => Buffer.from(word, 'latin1'))
  const words: Buffer[] = []
  let start = line
  for (let count = Number(text.slice(1)); count > 0; count--) {
    const end = endOfValue(command, start) as number
    words.push(command.subarray(endOfLine(command, start), end - 2))
    start = end
  }
  return words
}

/** The bytes of a command. */
export function commandOf(words: readonly (string | Buffer)[]): Buffer {
  const parts = words.flatMap((word) => {
    const bytes = Buffer.from(word)
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]
  })
  return Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts])
}
