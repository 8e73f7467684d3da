import { CacheNotRespondingError } from '../errors.js'
import { isCut, type RequestRecord } from '../stats/request-record.js'
import { MAX_REQUESTS } from '../store/statistics.js'
import { aLook } from './look.js'
import { maskKey, type ShownKey } from './mask-key.js'
import { maskText } from './masking/text.js'
import type { PageRequest } from './page-request.js'
import type { SecretNames } from './secrets.js'
import { shareTurn } from './turns.js'

export type KnownCall = Omit<RequestRecord['calls'][number], 'key'> & { readonly key: ShownKey }

/** A request as staff may see it: what looks secret in its texts is masked. */
export type KnownRequest = Omit<RequestRecord, 'calls'> & { readonly calls: readonly KnownCall[] }

/**
 * The requests that are kept, newest first.
 * @throws CacheNotRespondingError
 */
export async function keptRequests({ cache, secrets }: PageRequest): Promise<KnownRequest[]> {
  const requests: KnownRequest[] = []
  // Many requests ask for the same keys.
  const shown = new Map<string, ShownKey>()
  for (const request of await aLook(() => cache.requests(MAX_REQUESTS))) {
    await shareTurn()
    requests.push(masked(request, secrets, shown))
  }
  return requests
}

/** The same; `undefined` while the store does not answer. */
export async function knownRequests(visit: PageRequest): Promise<KnownRequest[] | undefined> {
  try {
    return await keptRequests(visit)
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return undefined
    throw error
  }
}

function masked(request: RequestRecord, secrets: SecretNames, shown: Map<string, ShownKey>): KnownRequest {
  const show = (text: string): ShownKey => {
    const known = shown.get(text) ?? shownKey(text, secrets)
    shown.set(text, known)
    return known
  }
  return {
    ...request,
    route: maskText(request.route, secrets),
    calls: request.calls.map((call) => ({ ...call, key: show(call.key) })),
  }
}

/** The beginning of a long key is no key, even where it reads like one. */
function shownKey(text: string, secrets: SecretNames): ShownKey {
  const { key, ...shown } = maskKey(text, secrets)
  return key && !isCut(text) ? { ...shown, key } : shown
}
