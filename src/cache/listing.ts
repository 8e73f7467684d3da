import { ConfigurationError } from '../errors.js'
import { CacheKey } from '../key/cache-key.js'
import { describeValue } from '../key/describe-value.js'
import { aFunction, aPositiveWholeNumber, aText } from '../option-checks.js'
import { OptionsReader } from '../options-reader.js'
import type { ListOptions } from '../store/store.js'

export const LIST_OPTIONS = new OptionsReader<Partial<ListOptions>>(
  'option',
  {
    under(value, name) {
      if (value instanceof CacheKey) return
      throw new ConfigurationError(`${name} must be a key made by cache.key(…), not ${describeValue(value)}.`)
    },
    matches: aFunction,
    cursor: aText,
    scan: aPositiveWholeNumber,
  },
  'list',
)
