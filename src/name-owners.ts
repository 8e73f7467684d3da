import { ConfigurationError } from './errors.js'

interface Logger {
  warn(message: string): void
}

/**
 * Which definition has a name. One name for two is an error in production. Elsewhere a module may have been evaluated
 * again, by a hot reload or a test: then the newer definition has the name from now on, with one warning a name.
 */
export class NameOwners<Definition> {
  readonly #owners = new Map<string, Definition>()
  readonly #warned = new Set<string>()

  /** @throws ConfigurationError in production, for a name that another definition has */
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
  return `"${name}" is defined a second time, and the newer definition counts: that is right after a hot reload, where results of the older one stay cached until they expire. Otherwise it is a mistake, and an error with NODE_ENV=production: ${conflict}`
}
