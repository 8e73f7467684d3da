/** Limit of `patternWeight` over all RegExps of a value: 20,000 characters, or 200 property escapes. */
export const MAX_PATTERN_WEIGHT = 20_000

/** A property escape in the source of a RegExp (`\p{L}`): up to 1.2 ms, as soon as the RegExp is made. */
const PROPERTY_ESCAPE = 100

/** Cost of making a RegExp, in characters of its source. */
export function patternWeight(source: string): number {
  let weight = source.length
  for (let at = source.indexOf('\\'); at !== -1; at = source.indexOf('\\', at + 2)) {
    if (source[at + 1] === 'p' || source[at + 1] === 'P') weight += PROPERTY_ESCAPE
  }
  return weight
}
