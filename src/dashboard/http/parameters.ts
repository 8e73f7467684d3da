import { badRequest } from './http-error.js'

/** Maximum length of a path with its query. */
export const MAX_PATH = 2_048

/** Known parameters, each with its maximum length. The text of a key has at most 4,000 characters. */
const LIMITS: Readonly<Record<string, number>> = {
  key: 4_096,
  path: MAX_PATH,
  under: 4_096,
  q: 200,
  cursor: 6_000,
  seen: 15,
  whole: 3,
  children: 3,
  how: 6,
  preview: 3,
  prefix: 100,
  span: 10,
  type: 15,
  limit: 4,
}

type Fields = Iterable<readonly [name: string, value: unknown]>

/** Known parameters of a request: each a text of bounded length, given at most once. */
export class Parameters {
  readonly #values = new Map<string, string>()

  /** @throws HttpError for a parameter that is too long, or not a single text */
  constructor(fields: Fields) {
    for (const [name, value] of fields) {
      const known = name.split('[', 1)[0] as string
      if (!Object.hasOwn(LIMITS, known)) continue
      if (typeof value !== 'string' || known !== name || this.#values.has(name)) {
        throw badRequest(`The parameter “${known}” must be a single text, not a list or an object.`)
      }
      if (value.length > (LIMITS[name] as number)) {
        throw badRequest(`The parameter “${name}” is too long (maximum: ${LIMITS[name]} characters).`)
      }
      this.#values.set(name, value)
    }
  }

  /** The trimmed text of a parameter; empty where it is absent. */
  text(name: string): string {
    return this.#values.get(name)?.trim() ?? ''
  }

  /**
   * Whether a parameter is `yes`. An absent one is `no`.
   * @throws HttpError for anything else, so that a typing error does not count as `no`
   */
  yes(name: string): boolean {
    const answer = this.text(name)
    if (answer === 'yes') return true
    if (answer === 'no' || answer === '') return false
    throw badRequest(`The parameter “${name}” must be “yes” or “no”.`)
  }

  /**
   * One of a few words; the first one where the parameter is absent.
   * @throws HttpError for any other word
   */
  oneOf<const Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
    const given = this.text(name)
    const word = given === '' ? words[0] : words.find((one) => one === given)
    if (word !== undefined) return word
    throw badRequest(`The parameter “${name}” must be ${words.map((one) => `“${one}”`).join(' or ')}.`)
  }

  /**
   * A whole number; 0 where the parameter is absent.
   * @throws HttpError for anything else
   */
  count(name: string): number {
    const text = this.text(name)
    if (!/^\d*$/.test(text)) throw badRequest(`The parameter “${name}” must be a whole number.`)
    return Number(text)
  }
}

/** Parameters of a URL, whatever query parser the application uses. */
export function queryOf(url: string): Fields {
  const start = url.indexOf('?')
  return new URLSearchParams(start === -1 ? '' : url.slice(start + 1))
}
