// Lua source for a part of a text. Offsets count from 0, as in src/entry/; in Lua the first byte is 1.

/** `length` bytes of `text` from `at` on. */
export function slice(text: string, at: number, length: number): string {
  return `string.sub(${text}, ${at + 1}, ${at + length})`
}

/** `length` bytes of `text`, `at` bytes after the position that the Lua variable `base` holds. */
export function sliceAfter(base: string, text: string, at: number, length: number): string {
  return `string.sub(${text}, ${base} + ${at}, ${base} + ${at + length - 1})`
}

/** All of `text` from `at` on. */
export function rest(text: string, at: number): string {
  return `string.sub(${text}, ${at + 1})`
}

/** The number of the byte of `text` at `at`. */
export function byteAt(text: string, at: number): string {
  return `string.byte(${text}, ${at + 1})`
}

/** A position of a text as Lua counts it. */
export function position(at: number): number {
  return at + 1
}

/** A byte as it is written within a string of Lua. */
export function char(byte: number): string {
  return JSON.stringify(String.fromCharCode(byte)).slice(1, -1)
}
