import { CacheNotRespondingError } from '../../errors.js'
import { isCut, type RequestRecord } from '../../stats/request-record.js'
import { MAX_REQUESTS } from '../../store/statistics.js'
import { type MaskedKey, maskKey } from '../masking/mask-key.js'
import { maskText } from '../masking/mask-text.js'
import type { SecretNames } from '../masking/secret-names.js'
import type { PageRequest } from '../page-request.js'
import { withStoreSlot } from '../scheduling/store-slots.js'
import { yieldAfterSlice } from '../scheduling/time-slices.js'

export type MaskedCall = Omit<RequestRecord['calls'][number], 'key'> & { readonly key: MaskedKey }

/** A logged request with secrets masked in its route and keys. */
export type MaskedRequest = Omit<RequestRecord, 'calls'> & { readonly calls: readonly MaskedCall[] }

/**
 * Reads the logged requests, newest first, masked.
 * @throws CacheNotRespondingError
 */
export async function readMaskedRequests({ cache, secrets }: PageRequest): Promise<MaskedRequest[]> {
  const requests: MaskedRequest[] = []
  // Many requests read the same keys.
  const shown = new Map<string, MaskedKey>()
  for (const request of await withStoreSlot(() => cache.requests(MAX_REQUESTS))) {
    await yieldAfterSlice()
    requests.push(masked(request, secrets, shown))
  }
  return requests
}

/** As `readRequests`, but `undefined` while the store is down. */
export async function readRequestsIfUp(visit: PageRequest): Promise<MaskedRequest[] | undefined> {
  try {
    return await readMaskedRequests(visit)
  } catch (error) {
    if (error instanceof CacheNotRespondingError) return undefined
    throw error
  }
}

function masked(request: RequestRecord, secrets: SecretNames, shown: Map<string, MaskedKey>): MaskedRequest {
  const show = (text: string): MaskedKey => {
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
function shownKey(text: string, secrets: SecretNames): MaskedKey {
  const { key, ...shown } = maskKey(text, secrets)
  return key && !isCut(text) ? { ...shown, key } : shown
}
