import { CacheNotRespondingError } from '../../errors.js'
import { isCut, type RequestRecord } from '../../stats/request-log.js'
import { MAX_REQUESTS } from '../../store/statistics.js'
import { maskKey, type ShownKey } from '../masking/mask-key.js'
import { maskText } from '../masking/mask-text.js'
import type { SecretNames } from '../masking/secret-names.js'
import type { PageRequest } from '../page-request.js'
import { withStoreSlot } from '../scheduling/store-slots.js'
import { shareTurn } from '../scheduling/turns.js'

export type MaskedCall = Omit<RequestRecord['calls'][number], 'key'> & { readonly key: ShownKey }

/** A request as staff may see it: what looks secret in its texts is masked. */
export type MaskedRequest = Omit<RequestRecord, 'calls'> & { readonly calls: readonly MaskedCall[] }

/**
 * The requests that are kept, newest first.
 * @throws CacheNotRespondingError
 */
export async function readRequests({ cache, secrets }: PageRequest): Promise<MaskedRequest[]> {
  const requests: MaskedRequest[] = []
  // Many requests ask for the same keys.
  const shown = new Map<string, ShownKey>()
  for (const request of await withStoreSlot(() => cache.requests(MAX_REQUESTS))) {
    await shareTurn()
    requests.push(masked(request, secrets, shown))
  }
  return requests
}

/** The same; `undefined` while the store does not answer. */
export async function readRequestsIfUp(visit: PageRequest): Promise<MaskedRequest[] | undefined> {
  try {
    return await readRequests(visit)
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return undefined
    throw error
  }
}

function masked(request: RequestRecord, secrets: SecretNames, shown: Map<string, ShownKey>): MaskedRequest {
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
