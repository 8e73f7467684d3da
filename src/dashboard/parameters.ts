import { badRequest } from './refusal.js'

/** The most characters of a path with its query. */
export const MAX_PATH = 2_048

/** What a request may ask with: names, and the most characters of each. A key's own text has at most 4,000. */
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

/** A request's parameters: each a text of bounded length, given at most once. Others are not looked at. */
export class Parameters {
  readonly #values = new Map<string, string>()

  /** @throws Refusal */
  constructor(fields: Fields) {
    for (const [name, value] of fields) {
      const known = name.split('[', 1)[0] as string
      if (!Object.hasOwn(LIMITS, known)) continue
      if (typeof value !== 'string' || known !== name || this.#values.has(name)) {
        throw badRequest(`The parameter “${known}” must be one text: it came as a list or an object.`)
      }
      if (value.length > (LIMITS[name] as number)) {
        throw badRequest(`The parameter “${name}” is too long: ${LIMITS[name]} characters are the most.`)
      }
      this.#values.set(name, value)
    }
  }

  /** The text without surrounding blanks; empty where there is none. */
  text(name: string): string {
    return this.#values.get(name)?.trim() ?? ''
  }

  /** `yes` or `no`; absent is no. Anything else is refused, lest a slip be taken for a yes. */
  yes(name: string): boolean {
    const answer = this.text(name)
    if (answer === 'yes') return true
    if (answer === 'no' || answer === '') return false
    throw badRequest(`The parameter “${name}” must be “yes” or “no”.`)
  }

  /** One of a few words, the first where none is given. Anything else is refused. */
  oneOf<const Word extends string>(name: string, words: readonly [Word, ...Word[]]): Word {
    const given = this.text(name)
    const word = given === '' ? words[0] : words.find((one) => one === given)
    if (word !== undefined) return word
    throw badRequest(`The parameter “${name}” must be ${words.map((one) => `“${one}”`).join(' or ')}.`)
  }

  count(name: string): number {
    const text = this.text(name)
    if (!/^\d*$/.test(text)) throw badRequest(`The parameter “${name}” must be a whole number.`)
    return Number(text)
  }
}

/** The parameters of a URL; the application's own query parser has no say in it. */
export function queryOf(url: string): Fields {
  const start = url.indexOf('?')
  return new URLSearchParams(start === -1 ? '' : url.slice(start + 1))
}
