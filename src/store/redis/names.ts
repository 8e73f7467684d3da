import { CacheKey } from '../../key/cache-key.js'

const PREFIX = /^[\w.-]+(:[\w.-]+)*$/

/** Whether a text can separate this application's names from everyone else's. */
export function isKeyPrefix(text: string): boolean {
  return PREFIX.test(text) && text.length <= 100
}

/**
 * Builds every key name that keyedcache uses in Redis, and reads them back.
 *
 * ```
 * shop:product::123                     an entry
 * shop:gen:{shop:product::123}          its generation
 * shop:gen:{shop}                       the topmost generation: the prefix itself
 * shop:lease:{shop:product::123}        the lease of its computation
 * ```
 * A path holds neither braces nor, in its first segment, a colon: so no entry
 * is ever taken for a generation, nor one application's entry for that of
 * another whose prefix begins alike. The braces are a hash tag: in a cluster a
 * path's names share a slot, and paths spread over all nodes.
 *
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export class Names {
  readonly #entries: string
  readonly #generations: string
  readonly #topGeneration: string
  readonly #leases: string

  constructor(readonly prefix: string) {
    this.#entries = `${prefix}:`
    this.#generations = `${prefix}:gen:{${prefix}:`
    this.#topGeneration = `${prefix}:gen:{${prefix}}`
    this.#leases = `${prefix}:lease:{${prefix}:`
  }

  entry(path: string): string {
    return this.#entries + path
  }

  generation(path: string): string {
    return `${this.#generations}${path}}`
  }

  topGeneration(): string {
    return this.#topGeneration
  }

  /** The generations above a key, outermost first: the prefix's, then each strict ancestor's. */
  generationsAbove(key: CacheKey): string[] {
    const names = [this.#topGeneration]
    for (const ancestor of key.ancestors) names.push(this.generation(ancestor))
    return names
  }

  lease(path: string): string {
    return `${this.#leases}${path}}`
  }

  /** The channel on which those who wait for a computation are told that it ended. */
  news(): string {
    return `${this.prefix}:news`
  }

  /** What a name stands for that was read under tracking, if it is of interest: an entry, or a generation. */
  whatIs(name: string): { readonly kind: 'entry' | 'generation'; readonly path: string } | undefined {
    if (name === this.#topGeneration) return { kind: 'generation', path: '' }
    if (name.startsWith(this.#generations)) {
      return { kind: 'generation', path: name.slice(this.#generations.length, -1) }
    }
    // A lease: paths hold no braces.
    if (!name.startsWith(this.#entries) || name.endsWith('}')) return undefined
    return { kind: 'entry', path: name.slice(this.#entries.length) }
  }

  /** The path of the entry with this name, unchecked. */
  pathOf(entry: string): string {
    return entry.slice(this.#entries.length)
  }

  /** Where `check()` writes. */
  probe(): string {
    return this.#own('probe')
  }

  /** What this cache's processes sign with. */
  secret(): string {
    return this.#own('secret')
  }

  /** Held by the process that reclaims dead entries. */
  sweepLock(): string {
    return this.#own('sweep')
  }

  /** When the last complete pass over the names began. */
  swept(): string {
    return this.#own('swept')
  }

  /** What all processes have counted. */
  figures(): string {
    return this.#own('figures')
  }

  /** Which processes report, and when each last did. */
  processes(): string {
    return this.#own('processes')
  }

  process(id: string): string {
    return `${this.#own('process')}${id}`
  }

  /** Sixty stretches of history. */
  history(resolution: string, page: number): string {
    return `${this.#own(`history-${resolution}`)}${page}`
  }

  /** The newest invalidations and store failures. */
  events(): string {
    return this.#own('events')
  }

  /** The newest of the sampled requests. */
  requests(): string {
    return this.#own('requests')
  }

  /** Table of key histories. */
  keyHistory(): string {
    return this.#own('key-history')
  }

  /** What a process reads and changes to see whether it is told of that. */
  sample(id: string): string {
    return `${this.#own('sample')}${id}`
  }

  /** A `SCAN` pattern that matches all entries at and below a key, and some other names: ask `keyOf`. */
  pattern(under?: CacheKey): string {
    const literal = this.#entries + (under?.text ?? '')
    return `${literal.replace(/[\\*?[\]^]/g, '\\$&')}*`
  }

  /** A name for this prefix as a whole. No entry has it: paths hold no braces. */
  #own(purpose: string): string {
    return `${this.prefix}:${purpose}:{${this.prefix}}`
  }

  /** The key whose entry has this name or `undefined`. */
  keyOf(name: string, under?: CacheKey): CacheKey | undefined {
    if (!name.startsWith(this.#entries)) return undefined
    const text = name.slice(this.#entries.length)
    if (text === '' || text.includes('{')) return undefined
    let key: CacheKey
    try {
      key = CacheKey.from(text)
    } catch {
      return undefined
    }
    return key.text === text && (!under || key.isWithin(under)) ? key : undefined
  }
}
