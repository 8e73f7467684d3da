import { isHugeBigint } from './bounds.js'

const MAX_ITEMS = 6
const MAX_STRING = 40
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu

/**
 * A value as text for an error message, of bounded length and on one line. Never throws, and runs code of
 * the value only where it cannot be avoided.
 */
export function describeValue(value: unknown, depth = 1): string {
  try {
    return describe(value, depth)
  } catch {
    return '…'
  }
}

function describe(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return describeString(value)
    case 'bigint':
      return isHugeBigint(value) ? 'a huge bigint' : `${String(value).slice(0, MAX_STRING)}n`
    case 'function':
      return 'a function'
    case 'symbol':
      return 'a symbol'
    case 'object':
      return value === null ? 'null' : describeObject(value, depth)
    default:
      return String(value)
  }
}

function describeString(text: string): string {
  const shown = JSON.stringify(text.slice(0, MAX_STRING)).replace(
    INVISIBLE,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  )
  return text.length > MAX_STRING ? `${shown}…` : shown
}

function describeObject(value: object, depth: number): string {
  if (Array.isArray(value)) {
    if (depth === 0) return '[…]'
    return `[${list(value.length, (index) => describeValue(value[index], depth - 1))}]`
  }
  const name: unknown = value.constructor?.name
  if (name === 'CacheKey') return describeString(String(value))
  if (name === '') return 'an instance of a class without a name'
  if (typeof name === 'string' && name !== 'Object') return `an instance of ${name.slice(0, MAX_STRING)}`
  const names = Object.keys(value)
  if (names.length > 0 && depth === 0) return '{…}'
  return `{${list(names.length, (index) => {
    const pair = names[index] as string
    return `${/^[\w$]+$/.test(pair) ? pair.slice(0, MAX_STRING) : describeString(pair)}: ${describeValue(value[pair as keyof typeof value], depth - 1)}`
  })}}`
}

function list(length: number, item: (index: number) => string): string {
  const items = Array.from({ length: Math.min(length, MAX_ITEMS) }, (_, index) => item(index))
  if (length > MAX_ITEMS) items.push(`… ${length - MAX_ITEMS} more`)
  return items.join(', ')
}
