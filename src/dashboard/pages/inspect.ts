import { internalsOf } from '../../cache.js'
import { CacheNotRespondingError } from '../../errors.js'
import { describeUnknown, type Inspection } from '../../inspection.js'
import type { CacheKey } from '../../key/cache-key.js'
import { maskText } from '../masking/text.js'
import type { PageRequest } from '../page-request.js'
import type { SecretNames } from '../secrets.js'

/** A look at a key, which builds no value of more than `buildUpTo` bytes; also where the cache throws what it cannot answer; what looks secret in who deleted it is masked. */
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
