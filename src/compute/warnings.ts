import type { CacheKey } from '../key/cache-key.js'
import type { Logger } from '../logger.js'
import { FUNCTIONS } from './cached-functions.js'

/** Maximum number of warnings of one kind: user input may end up in families. */
const MAX_FAMILIES = 100

/** Logs a warning once for each kind of mistake and key family. */
export class Warnings {
  readonly #logger: Logger
  readonly #logged = new Map<string, Set<string>>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Logs a warning about the family of a key, unless one of this kind was logged before. */
  once(kind: string, key: CacheKey, message: (family: string) => string): void {
    const logged = this.#logged.get(kind) ?? new Set()
    this.#logged.set(kind, logged)
    const family = familyOf(key)
    if (logged.size >= MAX_FAMILIES || logged.has(family)) return
    logged.add(family)
    try {
      this.#logger.warn(`keyedcache: ${message(`"${family}"`)}`)
    } catch {
      // A logger that throws must not fail the call that computed a value.
    }
  }
}

/** All cached functions share one family; a mistake concerns one function. */
function familyOf({ family, segments }: CacheKey): string {
  return family === FUNCTIONS && segments.length > 1 ? `${family}::${segments[1]}` : family
}
