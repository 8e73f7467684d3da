import type { OptionAdvice } from './options-reader.js'

// Advice for values in the place of an object of options.

/** For a method whose only argument before the options is a key: its parts were given as arguments of their own. */
export const KEY_IS_ONE_ARRAY: OptionAdvice = {
  forValue(given) {
    if (typeof given !== 'string' && typeof given !== 'number') return undefined
    return "a key of several parts is one array, ['product', '1']"
  },
}

/** For a method that has the option `ttl`: a lifetime was given on its own. */
export const TTL_IS_AN_OPTION: OptionAdvice = {
  forValue(given) {
    if (typeof given === 'number' && given > 0 && given < Number.POSITIVE_INFINITY)
      return `write { ttl: ${given} }`
    if (typeof given === 'string' && /^\d{1,15}(ms|s|m|h|d)$/.test(given)) return `write { ttl: '${given}' }`
    return undefined
  },
}
