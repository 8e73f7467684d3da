import { ConfigurationError } from './errors.js'
import type { Logger } from './logger.js'

/**
 * Records which definition owns a name. A name of two definitions is an error in production. Elsewhere a module may have
 * been evaluated again, by a hot reload or a test: the newer definition owns the name then, with one warning per name.
 */
export class NameOwners<Definition> {
  readonly #owners = new Map<string, Definition>()
  readonly #warned = new Set<string>()

  /**
   * Makes a definition the owner of a name.
   * @throws ConfigurationError in production, for a name that another definition owns
   */
  claim(
    name: string,
    definition: Definition,
    { conflict, logger }: { conflict: string; logger: Logger },
  ): void {
    const owner = this.#owners.get(name)
    if (owner !== definition && owner !== undefined) {
      if (isProduction()) throw new ConfigurationError(conflict)
      if (!this.#warned.has(name)) logger.warn(`keyedcache: ${newerWins(name, conflict)}`)
      this.#warned.add(name)
    }
    this.#owners.set(name, definition)
  }
}

export function isProduction(): boolean {
  return process.env.NODE_ENV === 'production'
}

function newerWins(name: string, conflict: string): string {
  return `"${name}" is defined a second time, and the newer definition is used. After a hot reload that is right, and results of the older one stay cached until they expire. Otherwise it is a mistake, and an error with NODE_ENV=production: ${conflict}`
}
