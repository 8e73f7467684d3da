/** Later than this is no date that JavaScript has, in milliseconds since the epoch. */
const LAST_MOMENT = 8.64e15

/** Whether something that anybody may have written is a count, a size or a length of time. */
export function isAmount(given: unknown): given is number {
  return typeof given === 'number' && given >= 0 && given <= Number.MAX_SAFE_INTEGER
}

/** Whether it is a moment in milliseconds since the epoch. */
export function isDate(given: unknown): given is number {
  return isAmount(given) && given <= LAST_MOMENT
}
