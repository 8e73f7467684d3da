/** The last moment of a JavaScript `Date`, in milliseconds since the epoch. */
const LAST_MOMENT = 8.64e15

/** Whether a value read from the store is a count, a size or a duration. */
export function isAmount(given: unknown): given is number {
  return typeof given === 'number' && given >= 0 && given <= Number.MAX_SAFE_INTEGER
}

/** Whether a value read from the store is a moment, in milliseconds since the epoch. */
export function isDate(given: unknown): given is number {
  return isAmount(given) && given <= LAST_MOMENT
}
