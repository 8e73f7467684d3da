/** Times and counts are written as so many digits, which Lua reads as JavaScript does. */
export const DIGITS = 14

/** As so many digits, in front of them zeros. */
export function encodeDigits(number: number, count = DIGITS): Buffer {
  return Buffer.from(String(Math.floor(number)).padStart(count, '0'))
}

/** The number in so many digits, without making a text of them first: reads of what was let expire come here. */
export function decodeDigits(bytes: Buffer, at: number, count: number): number {
  let number = 0
  for (let index = at; index < at + count; index++) number = number * 10 + (bytes[index] as number) - 0x30
  return number
}
