import { ConfigurationError } from '../errors.js'
import { CacheKey } from '../key/cache-key.js'
import { describeValue } from '../key/describe-value.js'
import { aFunction, aPositiveWholeNumber, aText } from '../option-checks.js'
import { OptionsReader } from '../options-reader.js'
import type { ListOptions, ListPage } from '../store/store.js'
import type { Core } from './core.js'

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

/** One page of entries, without those whose invalidation by this process is pending, or was when the page was read. */
export async function listPage({ pending, store }: Core, options: ListOptions): Promise<ListPage> {
  const before = pending.snapshot()
  const page = await store.list(options)
  if (before.size === 0 && pending.size === 0) return page
  const entries = page.entries.filter(({ key }) => !before.covers(key) && !pending.covers(key))
  return { ...page, entries }
}
