import { CacheNotRespondingError } from '../errors.js'
import type { Core } from './core.js'

/** Closes all parts of a cache, the store last. */
export async function close({ computing, onClose, options, pending, reporter, store }: Core): Promise<void> {
  onClose()
  await computing.close()
  await Promise.all([pending.close(), reporter.close()])
  try {
    await store.close()
  } catch (error) {
    if (options.throwOnStoreError || !(error instanceof CacheNotRespondingError)) throw error
    options.logger.warn(`keyedcache: the store could not be closed. ${error.message}`)
  }
}
