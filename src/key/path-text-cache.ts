/** Number of paths after which the older half is dropped, and maximum length of a cached path. */
const HALF = 500
const MAX_LENGTH = 500

let newer = new Map<string, string>()
let older = newer

/** The cached text of a path: to escape it again would take ten times as long. */
export function cachedPathText(path: string): string | undefined {
  return newer.get(path) ?? older.get(path)
}

/** Caches the text of a path and returns it. Dropping half of all paths at a time needs no bookkeeping. */
export function cachePathText(path: string, text: string): string {
  if (path.length > MAX_LENGTH) return text
  if (newer.size >= HALF) {
    older = newer
    newer = new Map()
  }
  newer.set(path, text)
  return text
}
