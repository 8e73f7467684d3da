import { ConfigurationError } from '../errors.js'
import type { CacheKey } from '../key/cache-key.js'

/** What stands where a value is left out. */
export const MASKED = '[masked]'

export type SecretName = string | RegExp
export type RedactOption = readonly SecretName[] | { readonly only: readonly SecretName[] }

/** Names of what staff have no need to read. Better a value too many masked than one too few. */
const DEFAULT_NAMES: readonly SecretName[] = [
  ...['password', 'passwd', 'passphrase', 'passcode', 'passwort', 'pwd', 'pass'],
  ...['token', 'secret', 'session', 'authorization', 'authentication', 'cookie', 'credential', 'signature'],
  ...['api key', 'private key', 'access key', 'secret key', 'signing key', 'encryption key', 'ssh key'],
  ...['bearer', 'jwt', 'csrf', 'xsrf', 'auth', 'sid', 'otp', 'totp', 'pin', 'cvv', 'cvc', 'salt'],
  ...['card number', 'connection string', 'database url', 'redis url'],
]

/** A name this short is found in too many others (`pin` in `shipping`), so it must be a word of its own. */
const SHORT = 4

/** A name longer than this is no name, and is not looked through. */
const MAX_NAME = 1_000

/** Says which names look like those of secrets. */
export class SecretNames {
  readonly #anywhere: readonly string[]
  readonly #words: ReadonlySet<string>
  readonly #patterns: readonly RegExp[]

  /** @throws ConfigurationError */
  constructor(redact: RedactOption = []) {
    const names = 'only' in redact ? redact.only : [...DEFAULT_NAMES, ...redact]
    const texts = names.filter((name) => typeof name === 'string').map(squeeze)
    this.#patterns = names.filter((name) => name instanceof RegExp).map(stateless)
    this.#anywhere = texts.filter((name) => name.length > SHORT)
    this.#words = new Set(texts.filter((name) => name.length <= SHORT))
    if (texts.includes('') || texts.length + this.#patterns.length !== names.length) {
      throw new ConfigurationError(
        "redact holds names: texts like 'iban' and regular expressions, none empty.",
      )
    }
  }

  has(name: string): boolean {
    const asked = name.slice(0, MAX_NAME)
    if (this.#patterns.some((pattern) => pattern.test(asked))) return true
    const squeezed = squeeze(asked)
    return (
      this.#anywhere.some((secret) => squeezed.includes(secret)) ||
      words(asked).some((word) => this.#words.has(word))
    )
  }

  /** Whether everything under a key is to be masked: a part of it looks like a secret's name. */
  inKey(key: CacheKey): boolean {
    return key.parts.some((part) => typeof part === 'string' && this.has(part))
  }
}

/** `X-Api-Key`, `apiKey` and `API_KEY` are all `apikey`. */
function squeeze(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '')
}

function words(name: string): string[] {
  return name
    .normalize('NFKC')
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}]+/u)
}

/** With `g` or `y` a pattern remembers where it was. */
function stateless(pattern: RegExp): RegExp {
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
}
