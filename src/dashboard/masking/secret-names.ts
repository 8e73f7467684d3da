import { ConfigurationError } from '../../errors.js'
import type { CacheKey } from '../../key/cache-key.js'

/** Replacement of a masked value. */
export const MASKED = '[masked]'

export type SecretName = string | RegExp
export type RedactOption = readonly SecretName[] | { readonly only: readonly SecretName[] }

/** Names whose values staff need not read. A value masked in vain does less harm than a secret shown. */
const DEFAULT_NAMES: readonly SecretName[] = [
  ...['password', 'passwd', 'passphrase', 'passcode', 'passwort', 'kennwort', 'contraseña', 'пароль', '密码'],
  ...['pwd', 'pass', 'dbpass', 'dbpwd', 'userpass', 'mypass', 'mypwd', 'passkey', 'pw', 'psk'],
  ...['token', 'secret', 'session', 'authorization', 'authentication', 'cookie', 'credential', 'signature'],
  ...['api key', 'private key', 'access key', 'secret key', 'signing key', 'encryption key', 'ssh key'],
  ...['auth key', 'account key', 'master key', 'shared key', 'service key', 'deploy key', 'license key'],
  ...['bearer', 'jwt', 'csrf', 'xsrf', 'auth', 'oauth', 'sid', 'sig', 'hmac', 'otp', 'totp', 'pin', 'mfa'],
  ...['cvv', 'cvc', 'salt', 'creds', 'recovery code', 'backup code', 'verification code', 'one time code'],
  ...['card number', 'connection string', 'database url', 'redis url', 'mongo url', 'webhook url'],
]

/** Ordinary words that contain the name of a secret. */
const ORDINARY =
  /^(secretar(y|ies|ial|iat)|tokeni[sz](e|ed|er|ers|es|ing|ation)|(password|cookie|session|token)less|(pos|ob)sessions?|coauthors?)$/

/** Maximum length of a name that must be a whole word, since it occurs in too many others: `pin` in `shipping`. */
const SHORT = 4

/** Maximum length of a name. A longer one was not written by a person, and counts as secret. */
const MAX_NAME = 10_000

/** Maximum length that a pattern is tested against, since a pattern may be slow with a long text. */
const MAX_FOR_PATTERN = 1_000

/** Maximum number of cached results, and maximum length of their names: the same few names occur again and again. */
const MAX_CACHED = 4_096
const MAX_CACHED_NAME = 64

/** Decides which names are names of secrets. */
export class SecretNames {
  readonly #anywhere: RegExp | undefined
  readonly #words: ReadonlySet<string>
  /** Names of several words, joined. The first word may be the name of the holder, as in `api: { key }`. */
  readonly #compounds: ReadonlySet<string>
  /** Quick tests for ASCII names: whether one may end such a name, and whether one may be a name of a secret at all. */
  readonly #lastWord: RegExp
  readonly #mayBe: RegExp
  readonly #patterns: readonly RegExp[]
  readonly #results = new Map<string, boolean>()

  /** @throws ConfigurationError */
  constructor(redact: RedactOption = []) {
    const names = namesOf(redact)
    const given = names.filter((name) => typeof name === 'string')
    const texts = given.map((name) => wordsOf(name).join(''))
    this.#patterns = names.filter((name) => name instanceof RegExp).map(stateless)
    if (texts.includes('') || texts.length + this.#patterns.length !== names.length) throw badNames()
    const long = texts.filter((name) => name.length > SHORT)
    this.#anywhere = long.length === 0 ? undefined : new RegExp(long.join('|'), 'u')
    this.#words = new Set(texts.filter((name) => name.length <= SHORT))
    const compounds = given.map(wordsOf).filter((words) => words.length > 1)
    this.#compounds = new Set(compounds.map((words) => words.join('')))
    this.#lastWord = new RegExp(
      `^[^a-z]*(?:${compounds.map((words) => words.at(-1)).join('|') || '(?!)'})`,
      'i',
    )
    this.#mayBe = new RegExp(texts.join('|') || '(?!)', 'u')
  }

  /** Whether a name is the name of a secret. */
  has(name: string): boolean {
    if (name.length > MAX_CACHED_NAME) return this.#looksSecret(name)
    const known = this.#results.get(name)
    if (known !== undefined) return known
    const result = this.#looksSecret(name)
    if (this.#results.size === MAX_CACHED) this.#results.clear()
    this.#results.set(name, result)
    return result
  }

  /** Whether a name is the name of a secret, by itself or together with the name of its holder: `api` and `key`. */
  hasUnder(holder: string | undefined, name: string): boolean {
    return this.has(name) || (holder !== undefined && this.#isCompound(holder, name))
  }

  /** Whether the value of a key must be masked, since a part of the key is the name of a secret. */
  inKey(key: CacheKey): boolean {
    return key.parts.some((part, at, parts) =>
      this.hasUnder(at === 0 ? undefined : String(parts[at - 1]), String(part)),
    )
  }

  #looksSecret(name: string): boolean {
    if (name.length > MAX_NAME) return true
    if (this.#patterns.length > 0) {
      const beginning = name.slice(0, MAX_FOR_PATTERN)
      if (this.#patterns.some((pattern) => pattern.test(beginning))) return true
    }
    if (IS_ASCII.test(name) && !this.#mayBe.test(name.toLowerCase().replace(/[^a-z0-9]+/g, ''))) return false
    const words = wordsOf(name).filter((word) => !ORDINARY.test(word))
    return (this.#anywhere?.test(words.join('')) ?? false) || words.some((word) => this.#isShort(word))
  }

  #isShort(word: string): boolean {
    const letters = word.replace(/\p{N}+/gu, '')
    return this.#words.has(letters) || (letters.endsWith('s') && this.#words.has(letters.slice(0, -1)))
  }

  #isCompound(holder: string, name: string): boolean {
    if (!this.#lastWord.test(name) || holder.length + name.length > MAX_FOR_PATTERN) return false
    const [last, first] = [wordsOf(holder).at(-1), wordsOf(name)[0]]
    if (last === undefined || first === undefined) return false
    const both = last + first
    return this.#compounds.has(both) || (both.endsWith('s') && this.#compounds.has(both.slice(0, -1)))
  }
}

function namesOf(redact: unknown): readonly SecretName[] {
  if (Array.isArray(redact)) return [...DEFAULT_NAMES, ...redact]
  const only: unknown = (redact as { only?: unknown } | null)?.only
  if (!Array.isArray(only) || Object.keys(redact as object).length !== 1) throw badNames()
  return only
}

function badNames(): ConfigurationError {
  return new ConfigurationError(
    "redact must contain names: non-empty strings like 'iban', or regular expressions. Write ['iban'] to add to the default list, or { only: ['iban'] } to replace it.",
  )
}

/**
 * The words of a name in lower case, as a reader sees them: `X-Api-Key`, `apiKey` and `API_KEY` are all `api`, `key`.
 */
function wordsOf(name: string): string[] {
  const plain = IS_ASCII.test(name) ? name : folded(name)
  return plain
    .replace(/(\p{Ll})(?=\p{Lu})/gu, '$1 ')
    .replace(/(\p{Lu})(?=\p{Lu}(?!s(?!\p{L}))\p{Ll})/gu, '$1 ')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
}

const IS_ASCII = /^[\0-\x7f]*$/

/** Removes accents and invisible characters, and replaces letters that look like Latin ones. */
function folded(name: string): string {
  return name
    .normalize('NFKD')
    .replace(/[\p{M}\p{Cf}]+/gu, '')
    .replace(/[\u0370-\u04ff]/g, (letter) => LOOK_ALIKES.get(letter) ?? letter)
}

/** Greek and Cyrillic letters that are drawn like Latin ones. */
const LOOK_ALIKES = new Map(
  Object.entries({
    ...{ а: 'a', в: 'b', с: 'c', ԁ: 'd', е: 'e', н: 'h', і: 'i', ј: 'j', к: 'k', м: 'm', о: 'o', р: 'p' },
    ...{ ѕ: 's', т: 't', у: 'y', х: 'x', А: 'A', В: 'B', С: 'C', Е: 'E', Н: 'H', І: 'I', Ј: 'J', К: 'K' },
    ...{ М: 'M', О: 'O', Р: 'P', Ѕ: 'S', Т: 'T', У: 'Y', Х: 'X', α: 'a', ε: 'e', ι: 'i', κ: 'k', ν: 'v' },
    ...{ ο: 'o', ρ: 'p', τ: 't', υ: 'u', χ: 'x', Α: 'A', Β: 'B', Ε: 'E', Η: 'H', Ι: 'I', Κ: 'K', Μ: 'M' },
    ...{ Ν: 'N', Ο: 'O', Ρ: 'P', Τ: 'T', Υ: 'Y', Χ: 'X' },
  }),
)

/** Copies a pattern without `g` and `y`, whose state would change its results. */
function stateless(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
}
