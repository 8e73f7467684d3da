/** So many paths and twice as many at most are held, and none that is longer. */
const HALF = 500
const MAX_LENGTH = 500

let newer = new Map<string, string>()
let older = newer

/** The text of a path that was read not long ago: to escape it again would take ten times as long. */
export function cachedPathText(path: string): string | undefined {
  return newer.get(path) ?? older.get(path)
}

/** The text of a path that may soon be read again. What is not asked for goes a half at a time: that costs nothing. */
export function cachePathText(path: string, text: string): string {
  if (path.length > MAX_LENGTH) return text
  if (newer.size >= HALF) {
    older = newer
    newer = new Map()
  }
  newer.set(path, text)
  return text
}
