/** Warns of a use of keys that is allowed and rarely meant. `node --disable-warning=<code>` silences it. */
export function emitKeyWarning(code: string, message: string): void {
  process.emitWarning(message, { type: 'KeyedCacheWarning', code })
}
