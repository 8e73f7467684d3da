import { CacheNotRespondingError } from '../../../errors.js'
import type { PageRequest } from '../../page-request.js'
import { size, whole } from '../../rendering/figures.js'

type Cache = PageRequest['cache']

/** Whether the store responds, with the response time or the error. */
export async function probeStore(cache: Cache): Promise<{ readonly isUp: boolean; readonly detail: string }> {
  const began = performance.now()
  try {
    await cache.check()
    return { isUp: true, detail: `${(performance.now() - began).toFixed(1)} ms` }
  } catch (error) {
    if (!(error instanceof CacheNotRespondingError)) throw error
    return { isUp: false, detail: causeOf(error) }
  }
}

/** The cause alone: the page itself says that the store is not responding. */
function causeOf({ message }: Error): string {
  return message.replace(/^.{1,100}? is not responding: /s, '').replace(/\.+$/, '')
}

/** Memory of the store; `undefined` where the store does not report it. */
export async function storeMemory(cache: Cache) {
  const usage = await cache.usage().catch((error: unknown) => {
    if (!(error instanceof CacheNotRespondingError)) throw error
  })
  if (!usage) return undefined
  const { usedBytes, maxBytes, evictions, policy, warning } = usage
  return {
    used: size(usedBytes),
    max: maxBytes === undefined ? undefined : size(maxBytes),
    evictions: whole(evictions),
    policy,
    warning,
  }
}
