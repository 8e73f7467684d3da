import { ignore } from '../background.js'
import { ConfigurationError } from '../errors.js'
import type { Logger } from '../logger.js'

/**
 * The option `logger`, so that it never throws: many warnings come from timers, where an error would end the process.
 * @throws ConfigurationError for a logger without a method `warn`
 */
export function resolveLogger(logger: Logger): Logger {
  if (typeof logger?.warn !== 'function') {
    throw new ConfigurationError('logger must have a method warn(message).')
  }
  return {
    warn(message) {
      try {
        const logging: unknown = logger.warn(message)
        if (logging instanceof Promise) logging.catch(ignore)
      } catch {
        // There is no other place to report it.
      }
    },
  }
}
