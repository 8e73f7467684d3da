import { ConfigurationError } from './errors.js'
import { describeValue } from './key/describe-value.js'
import type { OptionCheck } from './options-reader.js'

// Checks of single options. Each throws a ConfigurationError that says what the option must be.

export const aBoolean: OptionCheck = (value, name) => {
  if (typeof value !== 'boolean') throw wrong(name, 'true or false', value)
}

export const aText: OptionCheck = (value, name) => {
  if (typeof value !== 'string') throw wrong(name, 'a string', value)
}

export const aFunction: OptionCheck = (value, name) => {
  if (typeof value !== 'function') throw wrong(name, 'a function', value)
}

export const aPositiveWholeNumber: OptionCheck = (value, name) => {
  if (!(Number.isSafeInteger(value) && (value as number) > 0)) {
    throw wrong(name, 'a positive whole number', value)
  }
}

export const aList: OptionCheck = (value, name) => {
  if (!Array.isArray(value)) throw wrong(name, 'an array', value)
}

/** For an option whose value is checked where it is used, and where `null` would count as left out. */
export const notNull: OptionCheck = (value, name) => {
  if (value === null) throw new ConfigurationError(`${name} must not be null: leave it out.`)
}

function wrong(name: string, wanted: string, value: unknown): ConfigurationError {
  return new ConfigurationError(`${name} must be ${wanted}, not ${describeValue(value)}.`)
}
