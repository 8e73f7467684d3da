import type { CacheKey } from '../key/cache-key.js'
import type { Logger } from '../store/failsafe.js'
import { FUNCTIONS } from './cached-functions.js'

/** Maximum number of warnings of one kind: families may be made from user input. */
const MAX_FAMILIES = 100

/** Warnings that are logged once for each kind of mistake and key family. */
export class Warnings {
  readonly #logger: Logger
  readonly #logged = new Map<string, Set<string>>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Logs what is wrong with a key's family, unless it was logged before. */
  once(kind: string, key: CacheKey, message: (family: string) => string): void {
    const logged = this.#logged.get(kind) ?? new Set()
    this.#logged.set(kind, logged)
    const family = familyOf(key)
    if (logged.size >= MAX_FAMILIES || logged.has(family)) return
    logged.add(family)
    try {
      this.#logger.warn(`keyedcache: ${message(`"${family}"`)}`)
    } catch {
      // A logger that throws must not take a computed value from its caller.
    }
  }
}

/** All cached functions have one family: a mistake is one function's. */
function familyOf({ family, segments }: CacheKey): string {
  return family === FUNCTIONS && segments.length > 1 ? `${family}::${segments[1]}` : family
}
