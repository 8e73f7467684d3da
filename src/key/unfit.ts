/** Why one value cannot be (in) a key. Where it stands in which key is added by `parts.ts`. */
export class Unfit extends Error {
  /** What the user can do about it: a sentence. */
  readonly advice: string
  /** The name of the pair whose value it is. */
  pair: string | undefined

  /**
   * @param what it is, to be read after "is": `a function`
   * @param path where it stands within its part: `filter.where`
   */
  constructor(what: string, advice: string, path = '') {
    super(path === '' ? `is ${what}.` : `holds ${what} at ${path}.`)
    this.advice = advice
  }

  /** Whatever was thrown while a part was read: a getter or a proxy may throw anything. */
  static from(thrown: unknown): Unfit {
    if (thrown instanceof Unfit) return thrown
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    const unfit = new Unfit('', '')
    unfit.message = `could not be read: ${reason.slice(0, 200)}`
    unfit.cause = thrown
    return unfit
  }
}

/** A value that can be in no key, whatever it holds: undefined, NaN, a function, a symbol. */
export function unfitValue(value: unknown, path?: string): Unfit {
  switch (typeof value) {
    case 'undefined':
      return new Unfit('undefined', 'Give it a value, or null.', path)
    case 'number':
      return new Unfit('NaN', 'Check where the number comes from.', path)
    default:
      return new Unfit(`a ${typeof value}`, 'Use something that can be written down, such as an id.', path)
  }
}
