import { CacheNotRespondingError } from '../errors.js'
import { isCut, type RequestRecord } from '../stats/request-record.js'
import { MAX_REQUESTS } from '../store/statistics.js'
import { maskKey, type ShownKey } from './mask-key.js'
import { maskText } from './masking/text.js'
import type { PageRequest } from './page-request.js'
import type { SecretNames } from './secrets.js'
import { withStoreSlot } from './store-slots.js'
import { shareTurn } from './turns.js'

export type MaskedCall = Omit<RequestRecord['calls'][number], 'key'> & { readonly key: ShownKey }

/** A logged request with secrets masked in its route and keys. */
export type MaskedRequest = Omit<RequestRecord, 'calls'> & { readonly calls: readonly MaskedCall[] }

/**
 * Reads the logged requests, newest first, masked.
 * @throws CacheNotRespondingError
 */
export async function readRequests({ cache, secrets }: PageRequest): Promise<MaskedRequest[]> {
  const requests: MaskedRequest[] = []
  // Many requests read the same keys.
  const shown = new Map<string, ShownKey>()
  for (const request of await withStoreSlot(() => cache.requests(MAX_REQUESTS))) {
    await shareTurn()
    requests.push(masked(request, secrets, shown))
  }
  return requests
}

/** As `readRequests`, but `undefined` while the store is down. */
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

/** A key that was cut in the log must not be linked: its beginning may be the text of another key. */
function shownKey(text: string, secrets: SecretNames): ShownKey {
  const { key, ...shown } = maskKey(text, secrets)
  return key && !isCut(text) ? { ...shown, key } : shown
}
