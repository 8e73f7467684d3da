// Checks of what was read from the store: anyone with access to it may have written that.

/** The last moment of a JavaScript `Date`, in milliseconds since the epoch. */
const LAST_MOMENT = 8.64e15

/** Whether it is a count, a size or a duration. */
export function isAmount(given: unknown): given is number {
  return typeof given === 'number' && given >= 0 && given <= Number.MAX_SAFE_INTEGER
}

/** Whether it is a moment, in milliseconds since the epoch. */
export function isDate(given: unknown): given is number {
  return isAmount(given) && given <= LAST_MOMENT
}

/** Whether it is a text of at most `max` characters. */
export function isText(given: unknown, max: number): given is string {
  return typeof given === 'string' && given.length <= max
}

export function isUntrustedObject(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null
}

/** The value of a JSON text; `undefined` for anything else. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
