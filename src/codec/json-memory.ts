import { ARRAY, DOUBLE, OBJECT, SLOT, STRING } from './memory-estimates.js'

/** Maximum memory of a value per byte of its text: that of empty objects, `{},`. */
const MAX_MEMORY_PER_BYTE = 64
/** Numbers of more digits are boxed. */
const SMALL_DIGITS = 9

const QUOTE = 0x22
const COMMA = 0x2c
const POINT = 0x2e
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Maximum memory of a value after each of the three bytes that can precede one. */
const most = new Uint8Array(128)
most[OPEN_OBJECT] = SLOT + OBJECT + SLOT + STRING
most[OPEN_ARRAY] = SLOT + ARRAY + SLOT + STRING
most[COMMA] = SLOT + STRING

/**
 * Estimates the memory of the value of a JSON text. Above `limit`, the result is any number above it. For bytes that are
 * not ASCII JSON, it is meaningless.
 */
export function estimateJsonMemory(text: Buffer, limit: number): number {
  if (text.length * MAX_MEMORY_PER_BYTE <= limit) return 0
  const bound = maxMemoryOfText(text)
  return bound <= limit ? bound : memoryOf(text, limit)
}

/** An upper bound, as if the text had no strings. Takes a third of the time. */
function maxMemoryOfText(text: Buffer): number {
  let memory = text.length
  for (let at = 0; at < text.length; at++) memory += most[(text[at] as number) & 0x7f] as number
  return memory
}

function memoryOf(text: Buffer, limit: number): number {
  const end = text.length
  let memory = 0
  let at = 0
  while (at < end && memory <= limit) {
    const start = at
    switch (text[at++]) {
      case QUOTE:
        while (at < end && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1
        at++
        if (text[at] !== COLON) memory += SLOT + STRING + at - start
        break
      case OPEN_ARRAY:
        memory += SLOT + ARRAY
        break
      case OPEN_OBJECT:
        memory += SLOT + OBJECT
        break
      case COLON:
      case COMMA:
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        break
      default: {
        // A number, true, false or null.
        let isFraction = false
        for (; at < end && !endsValue(text[at] as number); at++) if (text[at] === POINT) isFraction = true
        memory += isFraction || at - start > SMALL_DIGITS ? SLOT + DOUBLE : SLOT
      }
    }
  }
  return memory
}

function endsValue(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY
}
