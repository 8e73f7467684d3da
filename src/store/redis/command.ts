/** An argument of a command; text is sent as UTF-8. */
export type Argument = string | number | Buffer

/** A command: its name and its arguments. */
export type Command = readonly [name: string, ...args: Argument[]]

/** Approximate number of bytes that arguments take on the connection. */
export function sizeOf(parts: readonly Argument[]): number {
  let bytes = 0
  for (const part of parts) bytes += typeof part === 'number' ? 8 : part.length
  return bytes
}
