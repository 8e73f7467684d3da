/** Number of decimal digits of a time or a count. Lua reads them as JavaScript does. */
export const DIGITS = 14

/** A number as decimal digits, padded with zeros. */
export function encodeDigits(number: number, count = DIGITS): Buffer {
  return Buffer.from(String(Math.floor(number)).padStart(count, '0'))
}

/** The number that decimal digits in a buffer mean. No text is made of them: reads of expired entries call this. */
export function decodeDigits(bytes: Buffer, at: number, count: number): number {
  let number = 0
  for (let index = at; index < at + count; index++) number = number * 10 + (bytes[index] as number) - 0x30
  return number
}
