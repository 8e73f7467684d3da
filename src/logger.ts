/** Where warnings go; `console` is one. */
export interface Logger {
  warn(message: string): void
}
