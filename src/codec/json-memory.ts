import { ARRAY, DICTIONARY_ENTRY, DOUBLE, NEW_NAME, OBJECT, SLOT, STRING } from './memory.js'
import { Names } from './names.js'

/** Bytes of memory that no text takes more of, per byte, twice over: empty arrays and objects, new names. */
const MOST_PER_BYTE = 64
/** Numbers of more digits are boxed. */
const SMALL_DIGITS = 9

const QUOTE = 0x22
const COMMA = 0x2c
const POINT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * The memory that parsing a JSON text takes, estimated; at least `limit` where it is above `limit`. Any number for
 * what is no JSON.
 */
export function jsonMemory(text: Buffer, limit: number): number {
  if (text.length * MOST_PER_BYTE <= limit) return 0
  // As if each name were a new one: which are need not be found out as a rule.
  const most = measure(text, limit, undefined)
  return most > limit ? measure(text, limit, new Names()) : most
}

function measure(text: Buffer, limit: number, names: Names | undefined): number {
  const end = text.length
  let memory = 0
  let at = 0
  while (at < end && memory <= limit) {
    const start = at
    switch (text[at++]) {
      case QUOTE: {
        for (let byte = text[at]; at < end && byte !== QUOTE; byte = text[at])
          at += byte === BACKSLASH ? 2 : 1
        const close = at++
        while ((text[at] as number) <= 0x20) at++
        if (text[at] !== COLON) memory += SLOT + STRING + close - start
        else {
          const first = text[start + 1] as number
          if (first >= ZERO && first <= NINE) memory += DICTIONARY_ENTRY
          else if (!names || names.isNew(text, start + 1, close)) memory += NEW_NAME
        }
        break
      }
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
        // A number, true, false or null; or space, which nobody writes.
        let isFraction = false
        for (let byte = text[at]; at < end && !isDelimiter(byte as number); byte = text[at]) {
          if (byte === POINT) isFraction = true
          at++
        }
        memory += isFraction || at - start > SMALL_DIGITS ? SLOT + DOUBLE : SLOT
      }
    }
  }
  return memory
}

function isDelimiter(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte === COLON
}
