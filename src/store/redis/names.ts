import { CacheKey } from '../../key/cache-key.js'

const PREFIX = /^[\w.-]+(:[\w.-]+)*$/

/** Whether a text can be a key prefix, which separates the names of this application from all others. */
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
 * A path has no braces and, in its first segment, no colon: the name of an entry is never that of a generation, nor
 * that of an entry of another application whose prefix begins alike. The braces are a hash tag: in a cluster the names
 * of a path share a slot, and paths spread over all nodes.
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

  /** The channel of lease events, which wake waiters. */
  leaseEvents(): string {
    return `${this.prefix}:lease-events`
  }

  /** The entry or the generation that has this name; `undefined` for every other name. */
  parse(name: string): { readonly kind: 'entry' | 'generation'; readonly path: string } | undefined {
    if (name === this.#topGeneration) return { kind: 'generation', path: '' }
    if (name.startsWith(this.#generations)) {
      return { kind: 'generation', path: name.slice(this.#generations.length, -1) }
    }
    // A lease: paths have no braces.
    if (!name.startsWith(this.#entries) || name.endsWith('}')) return undefined
    return { kind: 'entry', path: name.slice(this.#entries.length) }
  }

  /** The path in the name of an entry, which is not checked. */
  pathOf(entry: string): string {
    return entry.slice(this.#entries.length)
  }

  /** The key that `check()` writes. */
  probe(): string {
    return this.#own('probe')
  }

  /** Such a key with another hash tag, in a slot of a certain node of a Cluster. */
  probeWithTag(tag: string): string {
    return `${this.prefix}:probe:{${tag}}`
  }

  /** The secret that all processes sign with. */
  secret(): string {
    return this.#own('secret')
  }

  /** The lock of the process that reclaims dead entries. */
  sweepLock(): string {
    return this.#own('sweep')
  }

  /** The time at which the last complete pass of reclaiming began. */
  swept(): string {
    return this.#own('swept')
  }

  /** The figures of all processes by key family. */
  figures(): string {
    return this.#own('figures')
  }

  /** The processes that report, by the time of their last report. */
  processes(): string {
    return this.#own('processes')
  }

  /** The figures of one process. */
  process(id: string): string {
    return `${this.#own('process')}${id}`
  }

  /** Sixty steps of history. */
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

  /** The key that a process reads and changes to check that tracking reports the change. */
  sample(id: string): string {
    return `${this.#own('sample')}${id}`
  }

  /** Such a key with another hash tag, in a slot of a certain node of a Cluster. */
  sampleWithTag(tag: string): string {
    return `${this.prefix}:sample:{${tag}}`
  }

  /** A `SCAN` pattern that matches all entries at and below a key, and other names that `keyOf` sorts out. */
  pattern(under?: CacheKey): string {
    const literal = this.#entries + (under?.text ?? '')
    return `${literal.replace(/[\\*?[\]^]/g, '\\$&')}*`
  }

  /** A name for the prefix as a whole. No entry has it: paths have no braces. */
  #own(purpose: string): string {
    return `${this.prefix}:${purpose}:{${this.prefix}}`
  }

  /** The key whose entry has this name; `undefined` for every other name. */
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
