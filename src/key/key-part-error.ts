/** Why one value cannot be (in) a key. Where it stands in which key is added by `parts.ts`. */
export class KeyPartError extends Error {
  /** What the user can do about it: a sentence. */
  readonly advice: string
  /** The name of the pair whose value it is. */
  pairName: string | undefined

  /**
   * @param what it is, to be read after "is": `a function`
   * @param path where it stands within its part: `filter.where`
   */
  constructor(what: string, advice: string, path = '') {
    super(path === '' ? `is ${what}.` : `holds ${what} at ${path}.`)
    this.advice = advice
  }

  /** @param message to be read after the part: `could not be read` */
  static withMessage(message: string, advice: string): KeyPartError {
    const unfit = new KeyPartError('', advice)
    unfit.message = message
    return unfit
  }

  /** The error of a part that holds something, wherever in it. */
  static atPath(what: string, advice: string, path: string): KeyPartError {
    return path === ''
      ? KeyPartError.withMessage(`holds ${what}.`, advice)
      : new KeyPartError(what, advice, path)
  }

  /** Whatever was thrown while a part was read: a getter or a proxy may throw anything. */
  static from(thrown: unknown): KeyPartError {
    if (isKeyPartError(thrown)) return thrown
    const unfit = KeyPartError.withMessage(`could not be read: ${reasonOf(thrown)}`, '')
    unfit.cause = thrown
    return unfit
  }
}

/** Even to ask a proxy for its class may throw. */
function isKeyPartError(thrown: unknown): thrown is KeyPartError {
  try {
    return thrown instanceof KeyPartError
  } catch {
    return false
  }
}

function reasonOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown).slice(0, 200)
  } catch {
    return 'something that cannot be read either'
  }
}

/** A value that can be in no key, whatever it holds: undefined, NaN, a function, a symbol. */
export function unusableValueError(value: unknown, path?: string): KeyPartError {
  switch (typeof value) {
    case 'undefined':
      return new KeyPartError('undefined', 'Give it a value, or null.', path)
    case 'number':
      return new KeyPartError('NaN', 'Check where the number comes from.', path)
    default:
      return new KeyPartError(
        `a ${typeof value}`,
        'Use something that can be written down, such as an id.',
        path,
      )
  }
}
