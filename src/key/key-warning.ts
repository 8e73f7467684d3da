/** Emits a process warning about a use of keys that is allowed but rarely intended. `node --disable-warning=<code>` silences it. */
export function emitKeyWarning(code: string, message: string): void {
  process.emitWarning(message, { type: 'KeyedCacheWarning', code })
}
