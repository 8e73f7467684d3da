import { internalsOf } from '../../../cache.js'
import { CacheNotRespondingError } from '../../../errors.js'
import { describeUnknown, type Inspection } from '../../../inspection.js'
import type { CacheKey } from '../../../key/cache-key.js'
import { maskText } from '../../masking/mask-text.js'
import type { SecretNames } from '../../masking/secret-names.js'
import type { PageRequest } from '../../page-request.js'

/**
 * Inspects a key, with secrets masked in its route and user. While the store is down, the state is `unknown`.
 * @param buildUpTo maximum size in bytes of a value to decode
 */
export async function inspect(
  { cache, secrets }: Pick<PageRequest, 'cache' | 'secrets'>,
  key: CacheKey,
  buildUpTo = Number.POSITIVE_INFINITY,
): Promise<Inspection> {
  try {
    return masked(await internalsOf(cache).inspectUpTo(key, buildUpTo), secrets)
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return describeUnknown(key)
    throw error
  }
}

function masked(found: Inspection, secrets: SecretNames): Inspection {
  if (!found.provenance) return found
  const provenance = { ...found.provenance }
  let { why } = found
  for (const name of ['route', 'user'] as const) {
    const given = provenance[name]
    if (!given) continue
    const shown = maskText(given, secrets)
    provenance[name] = shown
    why = why.replaceAll(given, () => shown)
  }
  return { ...found, provenance, why }
}
