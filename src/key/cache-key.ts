import type { CacheKeyed, KeyPairs, KeyPart } from './key-input.js'
import { type DecodedPart, decodeSegment } from './segment.js'
import { ancestorTexts, firstPartOf, SEPARATOR, textOfParts, textOfPath } from './text.js'

export type { CacheKeyed, Identified, KeyPairs, KeyPart, ValueObject } from './key-input.js'

/**
 * A key in any of its four forms: a path (`'product::123'`), parts (`['product', 123]`), pairs
 * (`{ product: 123 }`) or a {@link CacheKey}. All of these examples are the same key.
 */
export type KeyInput = string | CacheKey | readonly KeyPart[] | KeyPairs

/**
 * The name of a cached value: a path of segments, `SHIP_company::country::CZ::weight::3`. Immutable.
 *
 * @example
 * CacheKey.of('SHIP_company', { weight: 3, country: 'CZ' }).text // 'SHIP_company::country::CZ::weight::3'
 */
export class CacheKey implements CacheKeyed {
  /** The text of the key. `CacheKey.from(key.text)` is the same key again. */
  readonly text: string
  #segments: readonly string[] | undefined
  #ancestors: readonly string[] | undefined

  private constructor(text: string) {
    this.text = text
    Object.freeze(this)
  }

  /**
   * Makes the key that `cache.get(input)` would use. A string is a path, split at `::`. In an array,
   * every part is escaped and keeps its place, so user input belongs there.
   * @throws {InvalidKeyError} if the input cannot be a key, with the reason
   */
  static from(input: KeyInput): CacheKey {
    if (typeof input === 'string') return new CacheKey(textOfPath(input))
    if (isCacheKey(input)) return input
    const first = firstPartOf(input)
    return new CacheKey(isCacheKey(first) ? textOfParts(input, first.text) : textOfParts(input))
  }

  /**
   * Makes the key of these parts, each escaped. A single argument is read as {@link from} reads it. A
   * `CacheKey` as the first of several parts is extended by the others.
   * @throws {InvalidKeyError} if a part cannot be in a key, with the reason
   */
  static of(input: KeyInput): CacheKey
  static of(...parts: KeyPart[]): CacheKey
  static of(...parts: KeyPart[]): CacheKey {
    return CacheKey.from(parts.length === 1 ? (parts[0] as KeyInput) : parts)
  }

  /** The segments of the text, escaped. */
  get segments(): readonly string[] {
    if (this.#segments === undefined) this.#segments = Object.freeze(this.text.split(SEPARATOR))
    return this.#segments
  }

  /** The first segment. Statistics are counted by family. */
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
    if (this.#ancestors === undefined) this.#ancestors = Object.freeze(ancestorTexts(this.text))
    return this.#ancestors
  }

  /** The parts, unescaped for people to read. Digests and shortened parts are returned as in the text. */
  get parts(): readonly DecodedPart[] {
    return this.segments.map(decodeSegment)
  }

  /**
   * Makes the key of these parts below this one.
   * @throws {InvalidKeyError} if a part cannot be in a key, with the reason
   */
  child(...parts: KeyPart[]): CacheKey {
    return new CacheKey(textOfParts([this, ...parts], this.text))
  }

  /** Whether this is the other key or below it. */
  isWithin(other: CacheKey): boolean {
    return (
      this.text.startsWith(other.text) &&
      (this.text.length === other.text.length || this.text.startsWith(SEPARATOR, other.text.length))
    )
  }

  /** The key as one part of another key: its text. Only at the beginning of another key it is extended. */
  cacheKeyPart(): string {
    return this.text
  }

  toString(): string {
    return this.text
  }

  toJSON(): string {
    return this.text
  }

  /** Whether a value is a `CacheKey`. Unlike `instanceof`, this cannot be imitated and runs no code of a proxy. */
  static isCacheKey(value: unknown): value is CacheKey {
    return typeof value === 'object' && value !== null && #segments in value
  }
}

const { isCacheKey } = CacheKey
