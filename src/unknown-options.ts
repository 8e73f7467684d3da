import leven from 'leven'
import { ConfigurationError } from './errors.js'

/** Refuses names that are not known, and suggests the nearest that is. */
export function refuseUnknown(given: object, known: Readonly<Record<string, true>>, what: string): void {
  if (typeof given !== 'object' || given === null) {
    throw new ConfigurationError(`An object is wanted where ${what}s are given, not ${String(given)}.`)
  }
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(known, name)) continue
    const nearest = Object.keys(known).reduce((best, other) =>
      leven(name, other) < leven(name, best) ? other : best,
    )
    const close = leven(name, nearest) <= Math.max(2, name.length * 0.4)
    throw new ConfigurationError(
      close
        ? `Unknown ${what} "${name}": did you mean "${nearest}"?`
        : `Unknown ${what} "${name}". Known are ${Object.keys(known).join(', ')}.`,
    )
  }
}
