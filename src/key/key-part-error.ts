/** The reason why a value cannot be in a key. `parts.ts` adds the key and the place in it. */
export class KeyPartError extends Error {
  /** A sentence: what to do about it. */
  readonly advice: string
  /** The name of the pair that has this value. */
  pairName: string | undefined

  /**
   * @param what a description of the value, to be read after "is": `a function`
   * @param path its path within the part: `filter.where`
   */
  constructor(what: string, advice: string, path = '') {
    super(path === '' ? `is ${what}.` : `holds ${what} at ${path}.`)
    this.advice = advice
  }

  /** An error with a message of its own. @param message to be read after the part: `could not be read` */
  static withMessage(message: string, advice: string): KeyPartError {
    const error = new KeyPartError('', advice)
    error.message = message
    return error
  }

  /** The error of a part that contains something at a path. */
  static atPath(what: string, advice: string, path: string): KeyPartError {
    return path === ''
      ? KeyPartError.withMessage(`holds ${what}.`, advice)
      : new KeyPartError(what, advice, path)
  }

  /** The error for a value that was thrown while a part was read. A getter or a proxy may throw anything. */
  static from(thrown: unknown): KeyPartError {
    if (isKeyPartError(thrown)) return thrown
    const error = KeyPartError.withMessage(`could not be read: ${reasonOf(thrown)}`, '')
    error.cause = thrown
    return error
  }
}

/** Like `instanceof`, which throws for some proxies. */
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

/** The error for a value that cannot be in any key: undefined, NaN, a function or a symbol. */
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
