import type { CacheKeyed, KeyPairs, KeyPart } from './key-input.js'
import { type DecodedPart, decodeSegment } from './segment.js'
import { firstOf, prefixesOf, SEPARATOR, textOfParts, textOfPath } from './text.js'

export type { CacheKeyed, Identified, KeyPairs, KeyPart, PrimaryKey, ValueObject } from './key-input.js'

/**
 * Anything that means a key: a path (`'product::123'`), parts (`['product', 123]`), pairs
 * (`{ product: 123 }`) or a {@link CacheKey}. These four are the same key.
 */
export type KeyInput = string | CacheKey | readonly KeyPart[] | KeyPairs

/**
 * The name of a cached value: a path of segments, `SHIP_company::country::CZ::weight::3`. Immutable.
 *
 * @example
 * CacheKey.of('SHIP_company', { weight: 3, country: 'CZ' }).text // 'SHIP_company::country::CZ::weight::3'
 */
export class CacheKey implements CacheKeyed {
  /** The key as it is written. `CacheKey.from(key.text)` is the same key again. */
  readonly text: string
  #segments: readonly string[] | undefined
  #ancestors: readonly string[] | undefined

  private constructor(text: string) {
    this.text = text
    Object.freeze(this)
  }

  /**
   * The key that an input means, as in `cache.get(input)`. A string is a path, split at `::`. In an
   * array every part is escaped and keeps its place, so that is where user input belongs.
   * @throws {InvalidKeyError} saying what cannot be a key, and why
   */
  static from(input: KeyInput): CacheKey {
    if (typeof input === 'string') return new CacheKey(textOfPath(input))
    if (isCacheKey(input)) return input
    const first = firstOf(input)
    return new CacheKey(isCacheKey(first) ? textOfParts(input, first.text) : textOfParts(input))
  }

  /**
   * The key of these parts, each escaped. A single argument means what it means to {@link from}; a
   * `CacheKey` as the first of several is extended by the others.
   * @throws {InvalidKeyError} saying which part cannot be in a key, and why
   */
  static of(input: KeyInput): CacheKey
  static of(...parts: KeyPart[]): CacheKey
  static of(...parts: KeyPart[]): CacheKey {
    return CacheKey.from(parts.length === 1 ? (parts[0] as KeyInput) : parts)
  }

  /** The segments as they are written, escaped. */
  get segments(): readonly string[] {
    if (this.#segments === undefined) this.#segments = Object.freeze(this.text.split(SEPARATOR))
    return this.#segments
  }

  /** The first segment: what statistics count together. */
  get family(): string {
    const end = this.text.indexOf(SEPARATOR)
    return end === -1 ? this.text : this.text.slice(0, end)
  }

  /** The key one level up; `undefined` at the top. */
  get parent(): CacheKey | undefined {
    const end = this.text.lastIndexOf(SEPARATOR)
    return end === -1 ? undefined : new CacheKey(this.text.slice(0, end))
  }

  /** The texts of all keys above this one, outermost first. */
  get ancestors(): readonly string[] {
    if (this.#ancestors === undefined) this.#ancestors = Object.freeze(prefixesOf(this.text))
    return this.#ancestors
  }

  /** The parts unescaped, for people to read. Digests and shortened parts stay as they are written. */
  get parts(): readonly DecodedPart[] {
    return this.segments.map(decodeSegment)
  }

  /**
   * The key of these parts below this one.
   * @throws {InvalidKeyError} saying which part cannot be in a key, and why
   */
  child(...parts: KeyPart[]): CacheKey {
    return new CacheKey(textOfParts([this, ...parts], this.text))
  }

  /** Is this the other key, or below it? */
  isWithin(other: CacheKey): boolean {
    return (
      this.text.startsWith(other.text) &&
      (this.text.length === other.text.length || this.text.startsWith(SEPARATOR, other.text.length))
    )
  }

  /** Inside another key, anywhere but at its beginning, a key is one part: its text. */
  cacheKeyPart(): string {
    return this.text
  }

  toString(): string {
    return this.text
  }

  toJSON(): string {
    return this.text
  }

  /** Unlike `instanceof`, this can neither be imitated nor run a proxy's code. */
  static isCacheKey(value: unknown): value is CacheKey {
    return typeof value === 'object' && value !== null && #segments in value
  }
}

const { isCacheKey } = CacheKey
